dnl sms-milter in sendmail.mc: paste this below the FEATURE lines and above the MAILER lines, or include it there.
dnl Should yours have LOCAL_RULE_0 and the like too, the two simply follow one another.
dnl In lines that begin with R, what separates left and right is a TAB; editors like to spoil that.
dnl The domains stand in RELAY_DOMAIN and in the two lines that begin with "C{". Sendmail 8.14 or newer.

dnl The milter, twice. For mail in general it is skipped while it is away, and SMS recipients go through the
dnl second listener; there it must answer, so that they wait in the queue.
dnl Sendmail's way of a unix socket: S=unix:/run/sms-milter/milter.sock (see README.md).
dnl It comes LAST of your INPUT_MAIL_FILTERs: what a later milter refuses, ours would have sent already.
INPUT_MAIL_FILTER(`sms', `S=inet:8895@127.0.0.1, T=C:10s;S:30s;R:30s;E:5m')
MAIL_FILTER(`smswait', `S=inet:8895@127.0.0.1, F=T, T=C:10s;S:30s;R:30s;E:5m')

dnl Re-submission: SMS recipients that got past the milter (it was away, or they stood behind an alias). The Name
dnl is what tells the milter where it is: access.resubmission.daemon.
DAEMON_OPTIONS(`Name=sms, Addr=127.0.0.1, Port=10587, InputMailFilters=smswait')
dnl The way in for mail that sms-milter makes of SMS (mail.inject): no milter.
DAEMON_OPTIONS(`Name=sms-in, Addr=127.0.0.1, Port=10026, InputMailFilters=')

dnl Lets postmaster@ and abuse@ the SMS domain in from outside; for the rest see Local_check_rcpt.
RELAY_DOMAIN(`sms.example.com')

LOCAL_CONFIG
# The SMS domains, and the mail domains they belong to.
C{SmsDomain}sms.example.com
C{SmsMail}example.com
# Local parts that are SMS recipients of a mail domain. Plus form: five digits or more.
Ksmslocal regex -aSMS ^("?sms:.*|"?sms(\+[0-9][0-9][0-9][0-9][0-9]+)?(\?.*)?)$
# A token or a password in the parameters.
Ksmsshown regex -aSHOWN \?(.*&)?(token|pass)=
C{SmsOpen}postmaster abuse

LOCAL_RULE_0
# postmaster@ and abuse@ the SMS domain are ordinary mail, for this host's postmaster.
R$={SmsOpen} < @ $={SmsDomain} . >	$#local $: postmaster
# SMS recipients that the milter left to us.
R$+ < @ $={SmsDomain} . >	$#smsagain $@ [127.0.0.1] $: $1 < @ $2 . >
R$+ < @ $={SmsMail} . >	$: < $(smslocal $1 $: NO $) > $1 < @ $2 . >
R< SMS > $+ < @ $+ >	$#smsagain $@ [127.0.0.1] $: $1 < @ $2 >
R< NO > $+ < @ $+ >	$: $1 < @ $2 >

LOCAL_RULESETS
# Who may write to SMS recipients: this site (whoever may relay) and those who have logged in. Who shows a token or
# a password in the address is judged by sms-milter, wherever he comes from.
SLocal_check_rcpt
R$*	$: $>CanonAddr $1
R$={SmsOpen} < @ $* >	$@ OK
R$+ < @ $={SmsDomain} . >	$: < SMS > < $(smsshown $1 $: NO $) >
R$+ < @ $={SmsMail} . >	$: < $(smslocal $1 $: NO $) > < $(smsshown $1 $: NO $) >
R< SMS > < SHOWN >	$@ OK
R< SMS > < NO >	$: < SMS > < $&{auth_authen} > $>Relay_ok
R< SMS > < > RELAY	$@ OK
R< SMS > < > $*	$#error $@ 5.7.1 $: "550 Log in to send SMS"
R$*	$@ OK

MAILER_DEFINITIONS
# k: do not mistake our own greeting for a loop.
Msmsagain,	P=[IPC], F=mDFMuXak, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP/HdrFromSMTP,
		E=\r\n, L=990, T=DNS/RFC822/SMTP, A=TCP $h 10587
