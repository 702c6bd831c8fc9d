// node-pdu's decoder as a filter: {"decode": HEX} a line in, a reading a line out (readings.rs).
//
// What it throws is answered with {"error": ...}. The directory it was installed in is the only argument.
'use strict';

const path = require('path');
const readline = require('readline');
const { parse, Deliver, Submit } = require(path.join(process.argv[2], 'node_modules', 'node-pdu'));

const ALPHABETS = ['gsm7', 'binary', 'ucs2', 'reserved'];

function elements(header) {
    const text = header ? header.toString().slice(2) : '';
    const found = [];
    for (let at = 0; at < text.length;) {
        const length = parseInt(text.slice(at + 2, at + 4), 16) * 2;
        found.push([parseInt(text.slice(at, at + 2), 16), text.slice(at + 4, at + 4 + length)]);
        at += 4 + length;
    }
    return found;
}

function address(of) {
    const international = of.type.type === 1 && of.phone;
    return (international ? '+' : '') + (of.phone === null ? '' : of.phone);
}

function decode(hex) {
    const pdu = parse(hex);
    const answer = {
        number: address(pdu.address),
        number_type: pdu.address.type.type,
        smsc: address(pdu.serviceCenterAddress),
    };
    if (!(pdu instanceof Deliver || pdu instanceof Submit)) {
        return Object.assign(answer, {
            type: 'status-report',
            reference: pdu.reference,
            status: pdu.status,
            time: pdu.dateTime.time,
            zone: pdu.dateTime.tzOff,
            discharged_time: pdu.discharge.time,
            discharged_zone: pdu.discharge.tzOff,
        });
    }
    const dcs = pdu.dataCodingScheme;
    const part = pdu.data.parts[0];
    const encoding = ALPHABETS[dcs.textAlphabet];
    Object.assign(answer, {
        encoding,
        text: part.text,
        elements: elements(part.header),
        pid: pdu.protocolIdentifier.getValue(),
        class: dcs.useMessageClass || dcs.dataCodingAndMessageClass ? dcs.classMessage : -1,
        compressed: dcs.compressedText,
        waiting: dcs.discardMessage || dcs.storeMessage || dcs.storeMessageUCS2
            ? [dcs.messageIndicationType, dcs.messageIndication === 1, !dcs.discardMessage] : null,
        reply_path: pdu.type.replyPath === 1,
        status_report: pdu.type.statusReportRequest === 1,
    });
    if (encoding === 'binary') {
        answer.data = part.data;
        delete answer.text;
    }
    if (pdu instanceof Deliver) {
        const stamp = pdu.serviceCenterTimeStamp;
        return Object.assign(answer, { type: 'deliver', time: stamp.time, zone: stamp.tzOff });
    }
    const { interval, dateTime } = pdu.validityPeriod;
    return Object.assign(answer, {
        type: 'submit',
        reference: pdu.messageReference,
        reject_duplicates: pdu.type.rejectDuplicates === 1,
        validity: interval,
        until: dateTime === null ? undefined : dateTime.getTime() / 1000,
    });
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
    let answer;
    try {
        answer = decode(JSON.parse(line).decode);
    } catch (error) {
        answer = { error: `${error.name}: ${error.message}` };
    }
    process.stdout.write(JSON.stringify(answer, (_, value) => (Number.isNaN(value) ? null : value)) + '\n');
});
