-- An independent client (Debian's miltertest, by the authors of OpenDKIM): one session with an ordinary
-- mail, an SMS, an ABORT, and both in one mail.
--   miltertest -D socket=inet:8895@127.0.0.1 -s smoke.lua
-- miltertest says nothing when a step fails, so each failure is printed first.

local sms = "<+15551234567@sms.example.com>"
local other = "<carol@example.net>"

local function check(what, ok)
	if not ok then
		print("smoke.lua: " .. what)
		error(what)
	end
end

local conn = mt.connect(socket)
check("no connection to " .. socket, conn ~= nil)
check("negotiation", mt.negotiate(conn, nil, nil, nil) == nil)
check("CONNECT", mt.conninfo(conn, "client.example.com", "127.0.0.1") == nil)
check("CONNECT answered", mt.getreply(conn) == SMFIR_CONTINUE)

local function envelope(recipients)
	mt.macro(conn, SMFIC_MAIL, "j", "mail.example.com", "i", "4XyZ5678", "{mail_addr}", "bob@example.com")
	check("MAIL", mt.mailfrom(conn, "<bob@example.com>") == nil)
	check("MAIL answered", mt.getreply(conn) == SMFIR_CONTINUE)
	for _, recipient in ipairs(recipients) do
		check("RCPT", mt.rcptto(conn, recipient) == nil)
		check("RCPT answered " .. recipient, mt.getreply(conn) == SMFIR_CONTINUE)
	end
	check("DATA", mt.data(conn) == nil)
	return mt.getreply(conn)
end

local function content(text)
	check("header", mt.header(conn, "From", "bob@example.com") == nil)
	check("header", mt.header(conn, "Message-ID", "<" .. text .. "@client.example.com>") == nil)
	check("end of header", mt.eoh(conn) == nil)
	check("body", mt.bodystring(conn, text .. "\r\n") == nil)
	check("body answered", mt.getreply(conn) == SMFIR_CONTINUE)
	check("end of message", mt.eom(conn) == nil)
	return mt.getreply(conn)
end

check("ordinary mail is let go at DATA", envelope({ other }) == SMFIR_ACCEPT)

check("an SMS goes on after DATA", envelope({ sms }) == SMFIR_CONTINUE)
check("an SMS is accepted", content("miltertest-one") == SMFIR_ACCEPT)
check("its recipient is deleted", mt.eom_check(conn, MT_RCPTDELETE, sms))

check("an SMS goes on after DATA", envelope({ sms }) == SMFIR_CONTINUE)
check("ABORT", mt.abort(conn) == nil)

check("both go on after DATA", envelope({ other, sms }) == SMFIR_CONTINUE)
check("both are accepted", content("miltertest-two") == SMFIR_ACCEPT)
check("ours is deleted", mt.eom_check(conn, MT_RCPTDELETE, sms))
check("the other is not", not mt.eom_check(conn, MT_RCPTDELETE, other))

mt.disconnect(conn)
