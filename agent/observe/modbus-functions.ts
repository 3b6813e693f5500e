/** What function codes and exception codes of Modbus mean for who observes them. */

/** Function codes that change something in the device (FIELDS.md section 4). */
const WRITE_FUNCTIONS = new Uint8Array(128);
for (const functionCode of [5, 6, 15, 16, 21, 22, 23]) WRITE_FUNCTIONS[functionCode] = 1;

/** The function changes something; `functionCode` without bit 7. */
export function isModbusWrite(functionCode: number): boolean {
  return WRITE_FUNCTIONS[functionCode] === 1;
}

/** gatewayPathUnavailable, gatewayTargetDeviceFailedToRespond. */
export function isFromGateway(exceptionCode: number): boolean {
  return exceptionCode === 10 || exceptionCode === 11;
}
