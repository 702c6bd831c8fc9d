//! What mail programs write around a mail, language by language. A table: a new language is a new row.
//!
//! The words are those of Gmail, Outlook (desktop, web, mobile), Apple Mail and iOS, Thunderbird, Yahoo, K-9,
//! Samsung, GMX and Exchange. All are alternatives of regular expressions, matched against a whole line (an
//! attribution: against up to three lines joined by a blank), and for the names of fields up to the colon.

/// How programs that speak it set off what is not new. An empty text: they are not known to write it.
pub(super) struct Language {
    /// ISO 639-1; only the tests ask.
    #[cfg_attr(not(test), expect(dead_code))]
    pub code: &'static str,
    /// Attributions without the colon that ends them.
    pub attributions: &'static [&'static str],
    /// The mail that is answered, between dashes.
    pub originals: &'static str,
    /// The mail that is passed on, between dashes.
    pub forwards: &'static str,
    /// The mail that is passed on, before a colon (Apple).
    pub begins: &'static str,
    /// `From` at the head of a quoted mail.
    pub from: &'static str,
    /// `Sent`: GMX and some gateways begin with it.
    pub sent: &'static str,
    /// The other fields there.
    pub fields: &'static str,
    /// What phones write below a mail; `{D}` is a device or a program, `{W}` words of the same sentence.
    pub mobile: &'static [&'static str],
}

/// Devices and programs that sign mails of their own accord; letters around them are allowed.
pub(super) const DEVICES: &str = "iphon|ipad|ipod|ios|android|galaxy|samsung|blackberry|huawei|xiaomi|redmi|\
    oneplus|nokia|motorola|pixel|sony|xperia|htc|smartphone|handy|mobil|móvil|phone|tablet|outlook|windows|mail|gmail|gmx|\
    k-9|thunderbird|proton|spark|fairemail|telefon|téléphone|téléfono|puhelim|cep|手机|手機|スマートフォン|휴대폰|телефон|почт";

pub(super) const LANGUAGES: &[Language] = &[
    Language {
        // What has a time and an address is an attribution in every language: Gmail's Russian and Japanese,
        // Apple's Czech, Yandex and what we do not know.
        code: "any",
        attributions: &[
            r#".*\d{1,2}[:.h]\d{2}.*[<("']\S+@\S+[>)"']"#,
            r".+\s<\S+@\S+>\s(?:wrote|writes|schrieb|a écrit|escribió|ha scritto|schreef|napsala?|skrev|kirjoitti)",
            r"(?:Quoting|Zitat von|Citando|Citát|Citát od)\s.+", // Horde
        ],
        originals: "Original|Original Mail|Original E-?mail",
        forwards: "Forwarded by .*|Fwd",
        begins: "",
        from: "",
        sent: "",
        fields: "CC|Cc|Bcc|Reply-To",
        mobile: &[],
    },
    Language {
        code: "en",
        attributions: &[r"(?:On|In a message dated)\s.+\s(?:wrote|writes)"],
        originals: "Original Message|Original Appointment|Reply Message|Reply to message",
        forwards: "Forwarded message|Forwarded mail|Forwarded Message",
        begins: "Begin forwarded message",
        from: "From",
        sent: "Sent",
        fields: "Sent|Date|To|Subject|Importance|Attachments|When|Where|Required|Optional",
        mobile: &[
            r"(?:Sent|Written|Sending) (?:from|via|with|using|on) {W}{D}{W}",
            r"Get {D}{W}",
        ],
    },
    Language {
        code: "de",
        attributions: &[
            r"Am\s.+\s(?:schrieb|hat)(?:\s.*)?",
            r".+\s(?:schrieb|hat)\s(?:am|geschrieben).*",
        ],
        originals: "Original[ -]?Nachricht|Ursprüngliche Nachricht|Originalnachricht|Ursprünglicher Termin|Originaltermin",
        forwards: "Weitergeleitete Nachricht|Weitergeleitete Message",
        begins: "Anfang der weitergeleiteten (?:Nachricht|E-Mail)",
        from: "Von",
        sent: "Gesendet",
        fields: "Gesendet|Datum|An|Betreff|Wichtigkeit|Priorität|Anlagen|Antwort an",
        mobile: &[
            r"Von mein(?:em|er)(?:/meiner)? {W}{D}{W} ?(?:gesendet|verschickt)",
            r"(?:Gesendet|Verschickt|Diese Nachricht wurde) (?:von|mit|über|aus) {W}{D}{W}",
            r"{D}{W} (?:beziehen|herunterladen|holen)",
            r"Holen Sie sich {D}{W}",
        ],
    },
    Language {
        code: "fr",
        attributions: &[r"Le\s.+\sa écrit", r".+\sa écrit le\s.+"],
        originals: "Message d['’]origine|Message original|Message initial",
        forwards: "Message transféré|Message transmis|Message réexpédié|E-mail transféré",
        begins: "Début du message (?:transféré|réexpédié)",
        from: "De|Expéditeur",
        sent: "Envoyé",
        fields: "Envoyé|Envoyé le|Date|À|A|Objet|Importance|Destinataires?|Pièces jointes",
        mobile: &[
            r"Envoyé (?:de|depuis|à partir d[eu’']|avec|par|via){W}{D}{W}",
            r"(?:Obtenez|Obtenir|Téléchargez|Télécharger) {D}{W}",
        ],
    },
    Language {
        code: "es",
        attributions: &[r"El\s.+\sescribi[óo]", r".+\sescribió el\s.+"],
        originals: "Mensaje original|Correo original",
        forwards: "Mensaje reenviado|Forwarded message",
        begins: "Inicio del mensaje reenviado",
        from: "De|Remitente",
        sent: "Enviado|Enviado el",
        fields: "Enviado|Enviado el|Enviado a las|Fecha|Para|Asunto|Importancia|Destinatario",
        mobile: &[
            r"Enviado (?:desde|con|por) {W}{D}{W}",
            r"(?:Obtener|Obtén|Descargar|Descarga|Obtenga) {D}{W}",
        ],
    },
    Language {
        code: "it",
        attributions: &[r"(?:Il|In data)\s.+\s(?:ha scritto|scrive)"],
        originals: "Messaggio originale",
        forwards: "Messaggio inoltrato|Messaggio Inoltrato",
        begins: "Inizio (?:del )?messaggio inoltrato",
        from: "Da",
        sent: "Inviato",
        fields: "Inviato|Inviato il|Data|A|Oggetto|Priorità|Destinatario",
        mobile: &[
            r"Inviato (?:da|dal|con|tramite) {W}{D}{W}",
            r"(?:Ottieni|Scarica) {D}{W}",
        ],
    },
    Language {
        code: "pt",
        attributions: &[
            r"(?:Em|No dia|A)\s.+\sescreveu",
            r".+\sescreveu\s(?:no dia\s.+|\(.+\))",
        ],
        originals: "Mensagem original|Mensagem Original",
        forwards: "Mensagem encaminhada|Mensagem reencaminhada|Forwarded message",
        begins: "Início da mensagem (?:encaminhada|reencaminhada)",
        from: "De",
        sent: "Enviad[oa]|Enviad[oa] em",
        fields: "Enviad[oa]|Enviad[oa] em|Data|Para|Assunto|Importância",
        mobile: &[
            r"Enviado (?:do|da|de|a partir do|pelo|com|via) {W}{D}{W}",
            r"(?:Obter|Obtenha|Baixar|Baixe|Transferir) (?:o )?{D}{W}",
        ],
    },
    Language {
        code: "nl",
        attributions: &[
            r"Op\s.+\s(?:schreef|heeft)(?:\s.*)?",
            r".+\s(?:schreef|heeft) op\s.+",
        ],
        originals: "Oorspronkelijk bericht|Origineel bericht",
        forwards: "Doorgestuurd bericht|Doorgestuurde bericht",
        begins: "Begin doorgestuurd bericht",
        from: "Van",
        sent: "Verzonden",
        fields: "Verzonden|Datum|Aan|Onderwerp|Urgentie",
        mobile: &[
            r"(?:Verstuurd|Verzonden|Gestuurd) (?:vanaf|vanuit|met|via) {W}{D}{W}",
            r"{D}{W} (?:downloaden|ophalen)",
            r"Download {D}{W}",
        ],
    },
    Language {
        code: "pl",
        attributions: &[
            r"(?:W dniu|Dnia|W dn\.)\s.+\s(?:napisał(?:a|\(a\))?|pisze)(?:\s.*)?",
            r".+\snapisał(?:a|\(a\))?",
            r"Wiadomość napisana przez\s.+",
        ],
        originals: "Oryginalna wiadomość|Wiadomość oryginalna|Pierwotna wiadomość",
        forwards: "Treść przekazanej wiadomości|Przekazana wiadomość|Wiadomość przekazana dalej|Forwarded message",
        begins: "Początek przekazanej wiadomości|Początek przekazywanej wiadomości",
        from: "Od|Nadawca",
        sent: "Wysłano|Wysłane",
        fields: "Wysłano|Wysłane|Data|Do|DW|UDW|Temat|Ważność",
        mobile: &[
            r"Wysłan[eoa]y? (?:z|ze|za pomocą|przy użyciu) {W}{D}{W}",
            r"(?:Pobierz|Uzyskaj) (?:aplikację |program )?{D}{W}",
        ],
    },
    Language {
        code: "cs",
        attributions: &[
            r"(?:Dne|po|út|st|čt|pá|so|ne)\s.+\snapsala?(?:\(a\))?",
            r".+\snapsala?(?:\(a\))?\sdne\s.+",
            r".+\spíše\s.*\d.*",
        ],
        originals: "Původní zpráva|Původní e-mail|Původní mail",
        forwards: "Přeposlaná zpráva|Přeposlaný e-mail|Forwarded message",
        begins: "Začátek přeposlané zprávy|Přeposlaná zpráva",
        from: "Od",
        sent: "Odesláno",
        fields: "Odesláno|Datum|Komu|Kopie|Předmět|Důležitost",
        mobile: &[
            r"Odesláno (?:z|ze|pomocí|přes) {W}{D}{W}",
            r"(?:Získat|Stáhnout|Získejte) {D}{W}",
        ],
    },
    Language {
        code: "sk",
        attributions: &[
            r"(?:Dňa|Dna|po|ut|st|št|pi|so|ne)\s.+\snapísal(?:a|\(a\))?",
            r".+\snapísal(?:a|\(a\))?\sdňa\s.+",
        ],
        originals: "Pôvodná správa|Pôvodný e-mail",
        forwards: "Preposlaná správa|Forwarded message",
        begins: "Začiatok preposlanej správy",
        from: "Od",
        sent: "Odoslané",
        fields: "Odoslané|Dátum|Komu|Kópia|Predmet|Dôležitosť",
        mobile: &[
            r"Odoslané (?:z|zo|pomocou) {W}{D}{W}",
            r"(?:Získať|Získajte|Stiahnuť) {D}{W}",
        ],
    },
    Language {
        code: "sv",
        attributions: &[
            r"(?:Den\s)?.+\skl[. ].+\sskrev(?:\s.*)?",
            r"Den\s.+\sskrev(?:\s.*)?",
            r".+\sskrev (?:den|följande)\s?.*",
        ],
        originals: "Ursprungligt meddelande|Originalmeddelande",
        forwards: "Vidarebefordrat meddelande|Vidarebefordrat brev",
        begins: "Vidarebefordrat brev|Början på vidarebefordrat (?:brev|meddelande)",
        from: "Från",
        sent: "Skickat",
        fields: "Skickat|Datum|Till|Kopia|Ämne|Prioritet",
        mobile: &[
            r"Skickat (?:från|med|via) {W}{D}{W}",
            r"(?:Hämta|Skaffa) {D}{W}",
        ],
    },
    Language {
        code: "da",
        attributions: &[r"Den\s.+\s(?:skrev|har skrevet)(?:\s.*)?"],
        originals: "Oprindelig meddelelse|Oprindelig besked",
        forwards: "Videresendt meddelelse|Videresendt besked",
        begins: "Start på videresendt besked|Begyndelse på videresendt (?:besked|meddelelse)",
        from: "Fra",
        sent: "Sendt",
        fields: "Sendt|Dato|Til|Emne|Vigtighed|Prioritet",
        mobile: &[r"Sendt (?:fra|med|via) {W}{D}{W}", r"Hent {D}{W}"],
    },
    Language {
        code: "no",
        attributions: &[r".+\skl[. ].+\sskrev(?:\s.*)?", r"På\s.+\sskrev(?:\s.*)?"],
        originals: "Opprinnelig melding|Original melding",
        forwards: "Videresendt melding|Forwarded message",
        begins: "Videresendt melding|Starten på den videresendte meldingen",
        from: "Fra",
        sent: "Sendt",
        fields: "Sendt|Dato|Til|Kopi|Emne|Viktighet|Prioritet",
        mobile: &[r"(?:Få|Last ned|Skaff deg) {D}{W}"],
    },
    Language {
        code: "fi",
        attributions: &[r".+\skirjoitti(?:\s.*)?", r".+\skirjoitti seuraavaa"],
        originals: "Alkuperäinen viesti",
        forwards: "Välitetty viesti|Edelleenlähetetty viesti|Edelleen lähetetty viesti",
        begins: "Välitetty viesti alkaa|Välitetyn viestin alku",
        from: "Lähettäjä",
        sent: "Lähetetty",
        fields: "Lähetetty|Päivämäärä|Päiväys|Vastaanottaja|Kopio|Aihe|Tärkeys",
        mobile: &[r"Lähetetty {W}{D}{W}", r"(?:Hanki|Hae|Lataa) {D}{W}"],
    },
    Language {
        code: "ru",
        attributions: &[
            r".*\d.+\s(?:пишет|написал(?:а|\(а\))?)(?:\s.*)?",
            r".+\s(?:пишет|написал(?:а|\(а\))?)\s.*\d.*",
        ],
        originals: "Исходное сообщение|Оригинальное сообщение|Пересылаемое сообщение с ответом",
        forwards: "Пересылаемое сообщение|Перенаправленное сообщение|Пересланное сообщение|Forwarded message",
        begins: "Начало переадресованного сообщения|Начало пересылаемого сообщения",
        from: "От|От кого",
        sent: "Отправлено",
        fields: "Отправлено|Дата|Кому|Копия|Тема|Важность",
        mobile: &[
            r"Отправлено (?:с|из|от|с помощью|через) {W}{D}{W}",
            r"(?:Скачайте|Получите|Загрузить|Скачать) {D}{W}",
        ],
    },
    Language {
        code: "uk",
        attributions: &[
            r".*\d.+\s(?:пише|написав|написала|написав\(ла\))(?:\s.*)?",
            r".+\s(?:пише|написав|написала)\s.*\d.*",
        ],
        originals: "Вихідне повідомлення|Оригінальне повідомлення",
        forwards: "Переслане повідомлення|Forwarded message",
        begins: "Початок листа, що пересилається|Початок пересланого повідомлення",
        from: "Від|Від кого",
        sent: "Надіслано|Відправлено",
        fields: "Надіслано|Відправлено|Дата|Кому|Копія|Тема",
        mobile: &[r"(?:Надіслано|Відправлено) (?:з|із|з мого) {W}{D}{W}"],
    },
    Language {
        code: "tr",
        attributions: &[
            r".+\starihinde\s.+\syazdı",
            r".+\sşun(?:u|ları) yazdı(?:\s\(.*\))?",
        ],
        originals: "Orijinal Mesaj|Özgün İleti|Orijinal İleti|Özgün Mesaj",
        forwards: "İletilen ileti|Yönlendirilmiş mesaj|Forwarded message|İletilmiş ileti",
        begins: "İletilen ileti başlangıcı|Yönlendirilen ileti başlangıcı|Yönlendirilmiş e-posta başlangıcı",
        from: "Kimden|Gönderen",
        sent: "Gönderildi|Gönderme Tarihi",
        fields: "Gönderildi|Gönderme Tarihi|Tarih|Kime|Alıcı|Bilgi|Konu|Önem",
        mobile: &[
            r"{W}{D}{W} gönderildi",
            r"{D}{W} (?:edinin|indirin)",
            r"(?:iOS|Android) (?:için|uygulaması) {D}{W}",
        ],
    },
    Language {
        code: "hu",
        attributions: &[
            r".+\s(?:ezt írta|írta|a következőt írta)(?:\s\(.*\))?",
            r".*\d{4}\..+(?:keltezéssel|időpontban).*\s(?:írta|ezt írta)",
        ],
        originals: "Eredeti üzenet",
        forwards: "Továbbított üzenet|Továbbított levél",
        begins: "Továbbított levél kezdete|A továbbított üzenet kezdete",
        from: "Feladó",
        sent: "Elküldve|Küldve",
        fields: "Elküldve|Küldve|Dátum|Címzett|Másolatot kap|Másolat|Tárgy|Fontosság",
        mobile: &[r"(?:Elküldve|Küldve) {W}{D}{W}", r"{W}{D}{W} küldve"],
    },
    Language {
        code: "ro",
        attributions: &[
            r"(?:În|La|Pe)\s.+\sa scris(?:\s.*)?",
            r".+\sa scris(?:\s.*\d.*)?",
        ],
        originals: "Mesaj original|Mesajul original",
        forwards: "Mesaj redirecționat|Mesaj retrimis|Forwarded message",
        begins: "Începutul mesajului redirecționat|Începutul mesajului retrimis",
        from: "De la|Expeditor",
        sent: "Trimis",
        fields: "Trimis|Data|Către|Subiect|Subiectul|Importanță",
        mobile: &[
            r"Trimis (?:de pe|din|cu|de la) {W}{D}{W}",
            r"(?:Obțineți|Descărcați) {D}{W}",
        ],
    },
    Language {
        code: "el",
        attributions: &[r"(?:Στις|Την)\s.+\sέγραψε", r".+\sέγραψε(?:\s.*\d.*)?"],
        originals: "Αρχικό μήνυμα|Αρχικό Μήνυμα",
        forwards: "Προωθημένο μήνυμα|Forwarded message",
        begins: "Αρχή προωθημένου μηνύματος",
        from: "Από",
        sent: "Στάλθηκε|Εστάλη|Αποστολή",
        fields: "Στάλθηκε|Εστάλη|Αποστολή|Ημερομηνία|Προς|Κοιν\\.|Κοινοποίηση|Θέμα",
        mobile: &[r"(?:Στάλθηκε|Εστάλη) (?:από|με) {W}{D}{W}"],
    },
    Language {
        code: "ja",
        attributions: &[
            r".*\d{4}[年/]\d{1,2}[月/]\d{1,2}.+(?:のメール|のメッセージ|書きました|作成)",
            r".+(?:さんは書きました|は書きました|のメール)",
        ],
        originals: "元のメッセージ|元のメール|オリジナルメッセージ|Original Message",
        forwards: "転送メッセージ|転送されたメッセージ|Forwarded message",
        begins: "転送されたメッセージ|転送メッセージ",
        from: "差出人|送信者|送信元",
        sent: "送信日時|日時",
        fields: "送信日時|日時|日付|宛先|件名|重要度",
        mobile: &[
            r"{W}{D}{W}から送信(?:しました|されました)?。?",
            r"{D}{W}を入手(?:してください)?。?",
        ],
    },
    Language {
        code: "zh",
        attributions: &[
            r".*\d.*(?:写道|寫道|写到|来信|撰写|寫了)",
            r".+(?:写道|寫道)",
        ],
        originals: "原始邮件|原始郵件|原邮件|邮件原件|原始郵件內容|Original Message",
        forwards: "转发的邮件|转发邮件信息|轉寄的郵件|轉寄郵件|已转发邮件|Forwarded message",
        begins: "开始转发的邮件|以下是转发的邮件|開始轉寄郵件|以下是轉寄的郵件",
        from: "发件人|寄件者|寄件人|發件人",
        sent: "发送时间|寄件日期|發送時間|傳送時間",
        fields: "发送时间|发送日期|寄件日期|發送時間|傳送時間|日期|时间|收件人|收件者|抄送|副本|主题|主旨|主題",
        mobile: &[
            r"(?:发自|發自|来自|從|从|寄自){W}{D}{W}(?:发送|傳送|寄出|发出)?",
            r"(?:获取|取得|下载|下載) ?{D}{W}",
        ],
    },
    Language {
        code: "ko",
        attributions: &[
            r".*\d.*(?:작성|쓴 글|보낸 메일|님이 씀)",
            r".+님이 작성(?:한 메시지)?",
        ],
        originals: "원본 메시지|원본 메일|원본메일|Original Message",
        forwards: "전달된 메시지|전달된 메일|Forwarded message",
        begins: "전달된 메시지(?: 시작)?",
        from: "보낸 ?사람|보낸이",
        sent: "보낸 ?날짜|보낸 시간",
        fields: "보낸 ?날짜|보낸 시간|날짜|받는 ?사람|받는이|참조|제목|중요도",
        mobile: &[
            r"(?:나의|내) {W}{D}{W}에서 (?:보냄|보낸 메일|전송)",
            r"{D}에서 보냄",
            r"(?:iOS|Android)용 {D}{W}",
        ],
    },
    Language {
        code: "ms",
        attributions: &[r"Pada\s.+\s(?:menulis|telah menulis|tulis)(?:\s.*)?"],
        originals: "Mesej asal|Mesej Asal|E-mel asal",
        forwards: "Mesej yang dimajukan|Mesej dimajukan|Mesej yang dikirim semula|Forwarded message",
        begins: "Mulakan mesej dimajukan|Permulaan mesej dimajukan",
        from: "Daripada",
        sent: "Dihantar",
        fields: "Dihantar|Tarikh|Kepada|Sk|Subjek|Perkara",
        mobile: &[
            r"Dihantar (?:daripada|dari|menggunakan) {W}{D}{W}",
            r"Dapatkan {D}{W}",
        ],
    },
    Language {
        code: "id",
        attributions: &[r".+\smenulis(?:\s.*)?"],
        originals: "Pesan asli|Pesan Asli",
        forwards: "Pesan terusan|Pesan yang diteruskan|Forwarded message",
        begins: "Mulai meneruskan pesan|Awal pesan terusan",
        from: "Dari",
        sent: "Dikirim|Terkirim",
        fields: "Dikirim|Terkirim|Tanggal|Kepada|Subjek|Perihal",
        mobile: &[r"(?:Dikirim|Terkirim) dari {W}{D}{W}"],
    },
    Language {
        code: "vi",
        attributions: &[r"(?:Vào|Ngày)\s.+\sđã viết(?:\s.*)?"],
        originals: "Thư gốc|Tin nhắn gốc",
        forwards: "Thư được chuyển tiếp|Tin nhắn được chuyển tiếp|Forwarded message",
        begins: "Bắt đầu thư được chuyển tiếp",
        from: "Từ|Người gửi",
        sent: "Đã gửi|Ngày gửi",
        fields: "Đã gửi|Ngày gửi|Ngày|Đến|Tới|Chủ đề|Tiêu đề",
        mobile: &[r"(?:Đã )?[Gg]ửi từ {W}{D}{W}"],
    },
];
