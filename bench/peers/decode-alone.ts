/**
 * Frames to matched transactions and nothing behind it, as a process: what `npm run bench -- peers`
 * sets beside programs that decode and don't observe. Usage: node decode-alone.ts FILE
 */
import { readCaptureFile } from '../../agent/capture/file-source.ts';
import { createDecodeCounters } from '../../agent/decode/decode-counters.ts';
import { Decoder } from '../../agent/decode/decoder.ts';
import { DECODER_DEFAULTS } from '../../agent/decode/decoder-options.ts';
import { ModbusCarriers } from '../../agent/decode/modbus-carriers.ts';
import { OpcuaAnalyzer } from '../../agent/decode/opcua-analyzer.ts';
import { TlsAnalyzer } from '../../agent/decode/tls-analyzer.ts';
import { type DecodeSink, IGNORING_SINK } from '../../protocols/decode-sink.ts';

let transactionsCount = 0;
const sink: DecodeSink = {
  ...IGNORING_SINK,
  modbusTransaction: () => {
    transactionsCount++;
  },
  opcuaTransaction: () => {
    transactionsCount++;
  },
};
const counters = createDecodeCounters();
const { flowsMax } = DECODER_DEFAULTS;
const analyzers = {
  modbus: new ModbusCarriers({ flowsMax }, sink, counters.modbus),
  opcua: new OpcuaAnalyzer({ flowsMax }, sink, counters.opcua),
  tls: new TlsAnalyzer(sink),
};
const decoder = new Decoder({ flowsMax }, analyzers, sink, counters);
const { fault } = await readCaptureFile(process.argv[2], { interfaceIndex: 0 }, decoder);
if (fault !== undefined) throw fault;
decoder.end();
process.stdout.write(`${JSON.stringify({ frames: counters.framesCount, transactionsCount })}\n`);
