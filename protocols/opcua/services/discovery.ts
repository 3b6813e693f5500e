/**
 * Discovery services (OPC 10000-4 §5.4): which endpoints a server has and how they are protected.
 * The exchange travels in the clear, for secured clients too.
 */
import type { ByteReader } from '../byte-reader.ts';
import { certificate, compared } from '../certificate.ts';
import { dateTime } from '../date-time.ts';
import { diagnosticInfo } from '../diagnostic-info.ts';
import { extensionObject } from '../extension-object.ts';
import { boolean, byte, enumeration, uint32 } from '../scalars.ts';
import { GOOD, statusCode } from '../status-code.ts';
import { arrayOf, structure } from '../structure.ts';
import { localizedText, string } from '../text.ts';
import { securityMode } from './secure-channel.ts';

/** Index is the number (OPC 10000-4 §7.42). */
export const USER_TOKEN_TYPES = ['Anonymous', 'UserName', 'Certificate', 'IssuedToken'] as const;

/** OPC 10000-4 §7.2. */
export const applicationDescription = structure({
  applicationUri: string,
  productUri: string,
  applicationName: localizedText,
  applicationType: uint32,
  gatewayServerUri: string,
  discoveryProfileUri: string,
  discoveryUrls: arrayOf(string, 4, ''),
});

const userTokenPolicy = structure({
  policyId: string,
  tokenType: enumeration(USER_TOKEN_TYPES),
  issuedTokenType: string,
  issuerEndpointUrl: string,
  securityPolicyUri: string,
});

const endpointFields = structure({
  endpointUrl: string,
  server: applicationDescription,
  serverCertificate: certificate,
  securityMode,
  securityPolicyUri: string,
  userIdentityTokens: arrayOf(userTokenPolicy, 20, {}),
  transportProfileUri: string,
  securityLevel: byte,
});

/** OPC 10000-4 §7.14. */
export function endpointDescription(reader: ByteReader): ReturnType<typeof endpointFields> {
  const fields = endpointFields(reader);
  const { server, serverCertificate } = fields;
  if (serverCertificate === undefined) return fields;
  return { ...fields, serverCertificate: compared(serverCertificate, server?.applicationUri) };
}

/** Smallest EndpointDescription: its texts null, its lists empty. */
export const ENDPOINT_DESCRIPTION_BYTES_MIN = 50;

export const getEndpointsRequest = structure({
  endpointUrl: string,
  localeIds: arrayOf(string, 4, ''),
  profileUris: arrayOf(string, 4, ''),
});

export const getEndpointsResponse = structure({
  endpoints: arrayOf(endpointDescription, ENDPOINT_DESCRIPTION_BYTES_MIN, {}),
});

export const findServersRequest = structure({
  endpointUrl: string,
  localeIds: arrayOf(string, 4, ''),
  serverUris: arrayOf(string, 4, ''),
});

/** Smallest ApplicationDescription: its texts null, its list empty. */
const APPLICATION_DESCRIPTION_BYTES_MIN = 25;

export const findServersResponse = structure({
  servers: arrayOf(applicationDescription, APPLICATION_DESCRIPTION_BYTES_MIN, {}),
});

const strings = arrayOf(string, 4, '');

export const findServersOnNetworkRequest = structure({
  startingRecordId: uint32,
  maxRecordsToReturn: uint32,
  serverCapabilityFilter: strings,
});

const serverOnNetwork = structure({
  recordId: uint32,
  serverName: string,
  discoveryUrl: string,
  serverCapabilities: strings,
});

export const findServersOnNetworkResponse = structure({
  lastCounterResetTime: dateTime,
  servers: arrayOf(serverOnNetwork, 16, {}),
});

/** OPC 10000-4 §7.33. */
const registeredServer = structure({
  serverUri: string,
  productUri: string,
  serverNames: arrayOf(localizedText, 1, {}),
  serverType: uint32,
  gatewayServerUri: string,
  discoveryUrls: strings,
  semaphoreFilePath: string,
  isOnline: boolean,
});

export const registerServerRequest = structure({ server: registeredServer });

/** The one kind of discovery configuration there is (OPC 10000-4 §7.10). */
const mdnsDiscoveryConfiguration = structure({
  mdnsServerName: string,
  serverCapabilities: strings,
});

const discoveryConfiguration = (reader: ByteReader) =>
  extensionObject<object>(reader, { 12901: mdnsDiscoveryConfiguration });

export const registerServer2Request = structure({
  server: registeredServer,
  discoveryConfiguration: arrayOf(discoveryConfiguration, 3, {}),
});

export const registerServer2Response = structure({
  configurationResults: arrayOf(statusCode, 4, GOOD),
  diagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
});
