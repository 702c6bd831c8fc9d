//! The national language tables, as printed (3GPP TS 23.038 Annex A): eight rows of sixteen septets.
//!
//! A blank is a hole, but for septet 0x20 of a locking table, which is the blank itself; 0x1B is the
//! escape and stands as a hole too. Compared septet by septet with two implementations that know
//! nothing of each other (ofono 1.31 and the Python package gsmcodecs 1.0.0, which reads Release 18),
//! and with Android's and Gecko's where these differ: the comma at 0x2C of the Indic tables and
//! Urdu's, the full stop at 0x2E of Malayalam's, `[` at 0x3C of Kannada's single one, row 1 of
//! Bengali's single one. Telugu's single one has `€` as all others do, for so Android sends and
//! shows it; the other two lack it.

/// The character of each septet.
pub type Table = [char; 128];

/// The table of these rows. Anything but 128 characters does not compile.
const fn table(rows: [&str; 8]) -> Table {
    let mut table = [' '; 128];
    let mut row = 0;
    while row < rows.len() {
        let (octets, mut at, mut column) = (rows[row].as_bytes(), 0, 0);
        while at < octets.len() {
            // UTF-8 of one to three octets: all of Annex A lies in the first plane.
            let first = octets[at] as u32;
            let (code, length) = if first < 0x80 {
                (first, 1)
            } else if first < 0xE0 {
                ((first & 0x1F) << 6 | octets[at + 1] as u32 & 0x3F, 2)
            } else {
                let middle = (octets[at + 1] as u32 & 0x3F) << 6;
                let last = octets[at + 2] as u32 & 0x3F;
                ((first & 0x0F) << 12 | middle | last, 3)
            };
            table[row * 16 + column] = match char::from_u32(code) {
                Some(c) => c,
                None => panic!("no character"),
            };
            at += length;
            column += 1;
        }
        assert!(column == 16, "a row has sixteen characters");
        row += 1;
    }
    table
}

/// TS 23.038 §A.3.1.
pub static TURKISH_LOCKING: Table = table([
    "@£$¥€éùıòÇ\nĞğ\rÅå",
    "Δ_ΦΓΛΩΠΨΣΘΞ ŞşßÉ",
    " !\"#¤%&'()*+,-./",
    "0123456789:;<=>?",
    "İABCDEFGHIJKLMNO",
    "PQRSTUVWXYZÄÖÑÜ§",
    "çabcdefghijklmno",
    "pqrstuvwxyzäöñüà",
]);

/// TS 23.038 §A.2.1.
pub static TURKISH_SINGLE: Table = table([
    "          \u{c}     ",
    "    ^           ",
    "        {}     \\",
    "            [~] ",
    "|      Ğ İ      ",
    "   Ş            ",
    "   ç € ğ ı      ",
    "   ş            ",
]);

/// TS 23.038 §A.2.2.
pub static SPANISH_SINGLE: Table = table([
    "         ç\u{c}     ",
    "    ^           ",
    "        {}     \\",
    "            [~] ",
    "|Á       Í     Ó",
    "     Ú          ",
    " á   €   í     ó",
    "     ú          ",
]);

/// TS 23.038 §A.3.3.
pub static PORTUGUESE_LOCKING: Table = table([
    "@£$¥êéúíóç\nÔô\rÁá",
    "Δ_ªÇÀ∞^\\€Ó| ÂâÊÉ",
    " !\"#º%&'()*+,-./",
    "0123456789:;<=>?",
    "ÍABCDEFGHIJKLMNO",
    "PQRSTUVWXYZÃÕÚÜ§",
    "~abcdefghijklmno",
    "pqrstuvwxyzãõ`üà",
]);

/// TS 23.038 §A.2.3.
pub static PORTUGUESE_SINGLE: Table = table([
    "     ê   ç\u{c}Ôô Áá",
    "  ΦΓ^ΩΠΨΣΘ     Ê",
    "        {}     \\",
    "            [~] ",
    "|À       Í     Ó",
    "     Ú     ÃÕ   ",
    " Â   €   í     ó",
    "     ú     ãõ  â",
]);

/// TS 23.038 §A.3.4.
pub static BENGALI_LOCKING: Table = table([
    "\u{981}\u{982}\u{983}\u{985}\u{986}\u{987}\u{988}\u{989}\u{98a}\u{98b}\n\u{98c} \r \u{98f}",
    "\u{990}  \u{993}\u{994}\u{995}\u{996}\u{997}\u{998}\u{999}\u{99a} \u{99b}\u{99c}\u{99d}\u{99e}",
    " !\u{99f}\u{9a0}\u{9a1}\u{9a2}\u{9a3}\u{9a4})(\u{9a5}\u{9a6},\u{9a7}.\u{9a8}",
    "0123456789:; \u{9aa}\u{9ab}?",
    "\u{9ac}\u{9ad}\u{9ae}\u{9af}\u{9b0} \u{9b2}   \u{9b6}\u{9b7}\u{9b8}\u{9b9}\u{9bc}\u{9bd}",
    "\u{9be}\u{9bf}\u{9c0}\u{9c1}\u{9c2}\u{9c3}\u{9c4}  \u{9c7}\u{9c8}  \u{9cb}\u{9cc}\u{9cd}",
    "\u{9ce}abcdefghijklmno",
    "pqrstuvwxyz\u{9d7}\u{9dc}\u{9dd}\u{9f0}\u{9f1}",
]);

/// TS 23.038 §A.2.4.
pub static BENGALI_SINGLE: Table = table([
    "@£$¥¿\"¤%&'\u{c}*+ -/",
    "<=>¡^¡_#*\u{9e6}\u{9e7} \u{9e8}\u{9e9}\u{9ea}\u{9eb}",
    "\u{9ec}\u{9ed}\u{9ee}\u{9ef}\u{9df}\u{9e0}\u{9e1}\u{9e2}{}\u{9e3}\u{9f2}\u{9f3}\u{9f4}\u{9f5}\\",
    "\u{9f6}\u{9f7}\u{9f8}\u{9f9}\u{9fa}       [~] ",
    "|ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZ     ",
    "     €          ",
    "                ",
]);

/// TS 23.038 §A.3.5.
pub static GUJARATI_LOCKING: Table = table([
    "\u{a81}\u{a82}\u{a83}\u{a85}\u{a86}\u{a87}\u{a88}\u{a89}\u{a8a}\u{a8b}\n\u{a8c}\u{a8d}\r \u{a8f}",
    "\u{a90}\u{a91} \u{a93}\u{a94}\u{a95}\u{a96}\u{a97}\u{a98}\u{a99}\u{a9a} \u{a9b}\u{a9c}\u{a9d}\u{a9e}",
    " !\u{a9f}\u{aa0}\u{aa1}\u{aa2}\u{aa3}\u{aa4})(\u{aa5}\u{aa6},\u{aa7}.\u{aa8}",
    "0123456789:; \u{aaa}\u{aab}?",
    "\u{aac}\u{aad}\u{aae}\u{aaf}\u{ab0} \u{ab2}\u{ab3} \u{ab5}\u{ab6}\u{ab7}\u{ab8}\u{ab9}\u{abc}\u{abd}",
    "\u{abe}\u{abf}\u{ac0}\u{ac1}\u{ac2}\u{ac3}\u{ac4}\u{ac5} \u{ac7}\u{ac8}\u{ac9} \u{acb}\u{acc}\u{acd}",
    "\u{ad0}abcdefghijklmno",
    "pqrstuvwxyz\u{ae0}\u{ae1}\u{ae2}\u{ae3}\u{af1}",
]);

/// TS 23.038 §A.2.5.
pub static GUJARATI_SINGLE: Table = table([
    "@£$¥¿\"¤%&'\u{c}*+ -/",
    "<=>¡^¡_#*\u{964}\u{965} \u{ae6}\u{ae7}\u{ae8}\u{ae9}",
    "\u{aea}\u{aeb}\u{aec}\u{aed}\u{aee}\u{aef}  {}     \\",
    "            [~] ",
    "|ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZ     ",
    "     €          ",
    "                ",
]);

/// TS 23.038 §A.3.6.
pub static HINDI_LOCKING: Table = table([
    "\u{901}\u{902}\u{903}\u{905}\u{906}\u{907}\u{908}\u{909}\u{90a}\u{90b}\n\u{90c}\u{90d}\r\u{90e}\u{90f}",
    "\u{910}\u{911}\u{912}\u{913}\u{914}\u{915}\u{916}\u{917}\u{918}\u{919}\u{91a} \u{91b}\u{91c}\u{91d}\u{91e}",
    " !\u{91f}\u{920}\u{921}\u{922}\u{923}\u{924})(\u{925}\u{926},\u{927}.\u{928}",
    "0123456789:;\u{929}\u{92a}\u{92b}?",
    "\u{92c}\u{92d}\u{92e}\u{92f}\u{930}\u{931}\u{932}\u{933}\u{934}\u{935}\u{936}\u{937}\u{938}\u{939}\u{93c}\u{93d}",
    "\u{93e}\u{93f}\u{940}\u{941}\u{942}\u{943}\u{944}\u{945}\u{946}\u{947}\u{948}\u{949}\u{94a}\u{94b}\u{94c}\u{94d}",
    "\u{950}abcdefghijklmno",
    "pqrstuvwxyz\u{972}\u{97b}\u{97c}\u{97e}\u{97f}",
]);

/// TS 23.038 §A.2.6.
pub static HINDI_SINGLE: Table = table([
    "@£$¥¿\"¤%&'\u{c}*+ -/",
    "<=>¡^¡_#*\u{964}\u{965} \u{966}\u{967}\u{968}\u{969}",
    "\u{96a}\u{96b}\u{96c}\u{96d}\u{96e}\u{96f}\u{951}\u{952}{}\u{953}\u{954}\u{958}\u{959}\u{95a}\\",
    "\u{95b}\u{95c}\u{95d}\u{95e}\u{95f}\u{960}\u{961}\u{962}\u{963}\u{970}\u{971} [~] ",
    "|ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZ     ",
    "     €          ",
    "                ",
]);

/// TS 23.038 §A.3.7.
pub static KANNADA_LOCKING: Table = table([
    " \u{c82}\u{c83}\u{c85}\u{c86}\u{c87}\u{c88}\u{c89}\u{c8a}\u{c8b}\n\u{c8c} \r\u{c8e}\u{c8f}",
    "\u{c90} \u{c92}\u{c93}\u{c94}\u{c95}\u{c96}\u{c97}\u{c98}\u{c99}\u{c9a} \u{c9b}\u{c9c}\u{c9d}\u{c9e}",
    " !\u{c9f}\u{ca0}\u{caa}\u{ca2}\u{ca3}\u{ca4})(\u{ca5}\u{ca6},\u{ca7}.\u{ca8}",
    "0123456789:; \u{caa}\u{cab}?",
    "\u{cac}\u{cad}\u{cae}\u{caf}\u{cb0}\u{cb1}\u{cb2}\u{cb3} \u{cb5}\u{cb6}\u{cb7}\u{cb8}\u{cb9}\u{cbc}\u{cbd}",
    "\u{cbe}\u{cbf}\u{cc0}\u{cc1}\u{cc2}\u{cc3}\u{cc4} \u{cc6}\u{cc7}\u{cc8} \u{cca}\u{ccb}\u{ccc}\u{ccd}",
    "\u{cd5}abcdefghijklmno",
    "pqrstuvwxyz\u{cd6}\u{ce0}\u{ce1}\u{ce2}\u{ce3}",
]);

/// TS 23.038 §A.2.7.
pub static KANNADA_SINGLE: Table = table([
    "@£$¥¿\"¤%&'\u{c}*+ -/",
    "<=>¡^¡_#*\u{964}\u{965} \u{ce6}\u{ce7}\u{ce8}\u{ce9}",
    "\u{cea}\u{ceb}\u{cec}\u{ced}\u{cee}\u{cef}\u{cde}\u{cf1}{}\u{cf2}    \\",
    "            [~] ",
    "|ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZ     ",
    "     €          ",
    "                ",
]);

/// TS 23.038 §A.3.8.
pub static MALAYALAM_LOCKING: Table = table([
    " \u{d02}\u{d03}\u{d05}\u{d06}\u{d07}\u{d08}\u{d09}\u{d0a}\u{d0b}\n\u{d0c} \r\u{d0e}\u{d0f}",
    "\u{d10} \u{d12}\u{d13}\u{d14}\u{d15}\u{d16}\u{d17}\u{d18}\u{d19}\u{d1a} \u{d1b}\u{d1c}\u{d1d}\u{d1e}",
    " !\u{d1f}\u{d20}\u{d21}\u{d22}\u{d23}\u{d24})(\u{d25}\u{d26},\u{d27}.\u{d28}",
    "0123456789:; \u{d2a}\u{d2b}?",
    "\u{d2c}\u{d2d}\u{d2e}\u{d2f}\u{d30}\u{d31}\u{d32}\u{d33}\u{d34}\u{d35}\u{d36}\u{d37}\u{d38}\u{d39} \u{d3d}",
    "\u{d3e}\u{d3f}\u{d40}\u{d41}\u{d42}\u{d43}\u{d44} \u{d46}\u{d47}\u{d48} \u{d4a}\u{d4b}\u{d4c}\u{d4d}",
    "\u{d57}abcdefghijklmno",
    "pqrstuvwxyz\u{d60}\u{d61}\u{d62}\u{d63}\u{d79}",
]);

/// TS 23.038 §A.2.8.
pub static MALAYALAM_SINGLE: Table = table([
    "@£$¥¿\"¤%&'\u{c}*+ -/",
    "<=>¡^¡_#*\u{964}\u{965} \u{d66}\u{d67}\u{d68}\u{d69}",
    "\u{d6a}\u{d6b}\u{d6c}\u{d6d}\u{d6e}\u{d6f}\u{d70}\u{d71}{}\u{d72}\u{d73}\u{d74}\u{d75}\u{d7a}\\",
    "\u{d7b}\u{d7c}\u{d7d}\u{d7e}\u{d7f}       [~] ",
    "|ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZ     ",
    "     €          ",
    "                ",
]);

/// TS 23.038 §A.3.9.
pub static ORIYA_LOCKING: Table = table([
    "\u{b01}\u{b02}\u{b03}\u{b05}\u{b06}\u{b07}\u{b08}\u{b09}\u{b0a}\u{b0b}\n\u{b0c} \r \u{b0f}",
    "\u{b10}  \u{b13}\u{b14}\u{b15}\u{b16}\u{b17}\u{b18}\u{b19}\u{b1a} \u{b1b}\u{b1c}\u{b1d}\u{b1e}",
    " !\u{b1f}\u{b20}\u{b21}\u{b22}\u{b23}\u{b24})(\u{b25}\u{b26},\u{b27}.\u{b28}",
    "0123456789:; \u{b2a}\u{b2b}?",
    "\u{b2c}\u{b2d}\u{b2e}\u{b2f}\u{b30} \u{b32}\u{b33} \u{b35}\u{b36}\u{b37}\u{b38}\u{b39}\u{b3c}\u{b3d}",
    "\u{b3e}\u{b3f}\u{b40}\u{b41}\u{b42}\u{b43}\u{b44}  \u{b47}\u{b48}  \u{b4b}\u{b4c}\u{b4d}",
    "\u{b56}abcdefghijklmno",
    "pqrstuvwxyz\u{b57}\u{b60}\u{b61}\u{b62}\u{b63}",
]);

/// TS 23.038 §A.2.9.
pub static ORIYA_SINGLE: Table = table([
    "@£$¥¿\"¤%&'\u{c}*+ -/",
    "<=>¡^¡_#*\u{964}\u{965} \u{b66}\u{b67}\u{b68}\u{b69}",
    "\u{b6a}\u{b6b}\u{b6c}\u{b6d}\u{b6e}\u{b6f}\u{b5c}\u{b5d}{}\u{b5f}\u{b70}\u{b71}  \\",
    "            [~] ",
    "|ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZ     ",
    "     €          ",
    "                ",
]);

/// TS 23.038 §A.3.10.
pub static PUNJABI_LOCKING: Table = table([
    "\u{a01}\u{a02}\u{a03}\u{a05}\u{a06}\u{a07}\u{a08}\u{a09}\u{a0a} \n  \r \u{a0f}",
    "\u{a10}  \u{a13}\u{a14}\u{a15}\u{a16}\u{a17}\u{a18}\u{a19}\u{a1a} \u{a1b}\u{a1c}\u{a1d}\u{a1e}",
    " !\u{a1f}\u{a20}\u{a21}\u{a22}\u{a23}\u{a24})(\u{a25}\u{a26},\u{a27}.\u{a28}",
    "0123456789:; \u{a2a}\u{a2b}?",
    "\u{a2c}\u{a2d}\u{a2e}\u{a2f}\u{a30} \u{a32}\u{a33} \u{a35}\u{a36} \u{a38}\u{a39}\u{a3c} ",
    "\u{a3e}\u{a3f}\u{a40}\u{a41}\u{a42}    \u{a47}\u{a48}  \u{a4b}\u{a4c}\u{a4d}",
    "\u{a51}abcdefghijklmno",
    "pqrstuvwxyz\u{a70}\u{a71}\u{a72}\u{a73}\u{a74}",
]);

/// TS 23.038 §A.2.10.
pub static PUNJABI_SINGLE: Table = table([
    "@£$¥¿\"¤%&'\u{c}*+ -/",
    "<=>¡^¡_#*\u{964}\u{965} \u{a66}\u{a67}\u{a68}\u{a69}",
    "\u{a6a}\u{a6b}\u{a6c}\u{a6d}\u{a6e}\u{a6f}\u{a59}\u{a5a}{}\u{a5b}\u{a5c}\u{a5e}\u{a75} \\",
    "            [~] ",
    "|ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZ     ",
    "     €          ",
    "                ",
]);

/// TS 23.038 §A.3.11.
pub static TAMIL_LOCKING: Table = table([
    " \u{b82}\u{b83}\u{b85}\u{b86}\u{b87}\u{b88}\u{b89}\u{b8a} \n  \r\u{b8e}\u{b8f}",
    "\u{b90} \u{b92}\u{b93}\u{b94}\u{b95}   \u{b99}\u{b9a}  \u{b9c} \u{b9e}",
    " !\u{b9f}   \u{ba3}\u{ba4})(  , .\u{ba8}",
    "0123456789:;\u{ba9}\u{baa} ?",
    "  \u{bae}\u{baf}\u{bb0}\u{bb1}\u{bb2}\u{bb3}\u{bb4}\u{bb5}\u{bb6}\u{bb7}\u{bb8}\u{bb9}  ",
    "\u{bbe}\u{bbf}\u{bc0}\u{bc1}\u{bc2}   \u{bc6}\u{bc7}\u{bc8} \u{bca}\u{bcb}\u{bcc}\u{bcd}",
    "\u{bd0}abcdefghijklmno",
    "pqrstuvwxyz\u{bd7}\u{bf0}\u{bf1}\u{bf2}\u{bf9}",
]);

/// TS 23.038 §A.2.11.
pub static TAMIL_SINGLE: Table = table([
    "@£$¥¿\"¤%&'\u{c}*+ -/",
    "<=>¡^¡_#*\u{964}\u{965} \u{be6}\u{be7}\u{be8}\u{be9}",
    "\u{bea}\u{beb}\u{bec}\u{bed}\u{bee}\u{bef}\u{bf3}\u{bf4}{}\u{bf5}\u{bf6}\u{bf7}\u{bf8}\u{bfa}\\",
    "            [~] ",
    "|ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZ     ",
    "     €          ",
    "                ",
]);

/// TS 23.038 §A.3.12.
pub static TELUGU_LOCKING: Table = table([
    "\u{c01}\u{c02}\u{c03}\u{c05}\u{c06}\u{c07}\u{c08}\u{c09}\u{c0a}\u{c0b}\n\u{c0c} \r\u{c0e}\u{c0f}",
    "\u{c10} \u{c12}\u{c13}\u{c14}\u{c15}\u{c16}\u{c17}\u{c18}\u{c19}\u{c1a} \u{c1b}\u{c1c}\u{c1d}\u{c1e}",
    " !\u{c1f}\u{c20}\u{c21}\u{c22}\u{c23}\u{c24})(\u{c25}\u{c26},\u{c27}.\u{c28}",
    "0123456789:; \u{c2a}\u{c2b}?",
    "\u{c2c}\u{c2d}\u{c2e}\u{c2f}\u{c30}\u{c31}\u{c32}\u{c33} \u{c35}\u{c36}\u{c37}\u{c38}\u{c39} \u{c3d}",
    "\u{c3e}\u{c3f}\u{c40}\u{c41}\u{c42}\u{c43}\u{c44} \u{c46}\u{c47}\u{c48} \u{c4a}\u{c4b}\u{c4c}\u{c4d}",
    "\u{c55}abcdefghijklmno",
    "pqrstuvwxyz\u{c56}\u{c60}\u{c61}\u{c62}\u{c63}",
]);

/// TS 23.038 §A.2.12.
pub static TELUGU_SINGLE: Table = table([
    "@£$¥¿\"¤%&'\u{c}*+ -/",
    "<=>¡^¡_#*   \u{c66}\u{c67}\u{c68}\u{c69}",
    "\u{c6a}\u{c6b}\u{c6c}\u{c6d}\u{c6e}\u{c6f}\u{c58}\u{c59}{}\u{c78}\u{c79}\u{c7a}\u{c7b}\u{c7c}\\",
    "\u{c7d}\u{c7e}\u{c7f}         [~] ",
    "|ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZ     ",
    "     €          ",
    "                ",
]);

/// TS 23.038 §A.3.13.
pub static URDU_LOCKING: Table = table([
    "\u{627}\u{622}\u{628}\u{67b}\u{680}\u{67e}\u{6a6}\u{62a}\u{6c2}\u{67f}\n\u{679}\u{67d}\r\u{67a}\u{67c}",
    "\u{62b}\u{62c}\u{681}\u{684}\u{683}\u{685}\u{686}\u{687}\u{62d}\u{62e}\u{62f} \u{68c}\u{688}\u{689}\u{68a}",
    " !\u{68f}\u{68d}\u{630}\u{631}\u{691}\u{693})(\u{699}\u{632},\u{696}.\u{698}",
    "0123456789:;\u{69a}\u{633}\u{634}?",
    "\u{635}\u{636}\u{637}\u{638}\u{639}\u{641}\u{642}\u{6a9}\u{6aa}\u{6ab}\u{6af}\u{6b3}\u{6b1}\u{644}\u{645}\u{646}",
    "\u{6ba}\u{6bb}\u{6bc}\u{648}\u{6c4}\u{6d5}\u{6c1}\u{6be}\u{621}\u{6cc}\u{6d0}\u{6d2}\u{64d}\u{650}\u{64f}\u{657}",
    "\u{654}abcdefghijklmno",
    "pqrstuvwxyz\u{655}\u{651}\u{653}\u{656}\u{670}",
]);

/// TS 23.038 §A.2.13.
pub static URDU_SINGLE: Table = table([
    "@£$¥¿\"¤%&'\u{c}*+ -/",
    "<=>¡^¡_#*\u{600}\u{601} \u{6f0}\u{6f1}\u{6f2}\u{6f3}",
    "\u{6f4}\u{6f5}\u{6f6}\u{6f7}\u{6f8}\u{6f9}\u{60c}\u{60d}{}\u{60e}\u{60f}\u{610}\u{611}\u{612}\\",
    "\u{613}\u{614}\u{61b}\u{61f}\u{640}\u{652}\u{658}\u{66b}\u{66c}\u{672}\u{673}\u{6cd}[~]\u{6d4}",
    "|ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZ     ",
    "     €          ",
    "                ",
]);
