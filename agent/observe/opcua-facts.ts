/**
 * The rare side of OPC UA: logins, writes, calls, and what servers and clients tell about
 * themselves. Bodies are decoded here only for the services that matter; the rest is counted.
 */
import type { FlowFacts } from '../../protocols/flow.ts';
import type { Observation, ObservationKind } from '../../protocols/interval-report.ts';
import type { SeenCertificate } from '../../protocols/opcua/certificate.ts';
import { activateSessionFacts, secretSpans } from '../../protocols/opcua/secret-spans.ts';
import { decodeRequest, decodeResponse } from '../../protocols/opcua/service-body.ts';
import { statusCodeName } from '../../protocols/opcua/status-code.ts';
import type { OpcuaTransaction } from '../../protocols/opcua/transaction.ts';
import type { AssetTable } from './asset-table.ts';
import { ACTIVATE_SESSION_RULES } from './detections/registry.ts';
import { collectEvidence } from './evidence.ts';
import type { ExceptionEdge } from './exception-watch.ts';
import type { FactsContext } from './modbus-facts.ts';

/** Nodes of one Write or methods of one Call that are told one by one. */
const ITEMS_PER_MESSAGE_MAX = 64;

export interface OpcuaFactsContext extends FactsContext {
  readonly assets: AssetTable;
}

export class OpcuaFacts {
  readonly #context: OpcuaFactsContext;

  constructor(context: OpcuaFactsContext) {
    this.#context = context;
  }

  newService(transaction: OpcuaTransaction): void {
    const { service, flow } = transaction;
    this.#context.log.add({ ...envelope(flow, 'newService', timeOf(transaction)), service });
  }

  exception(transaction: OpcuaTransaction, edge: ExceptionEdge): void {
    const code = edge.kind === 'stopped' ? edge.code : transaction.serviceResult >>> 0;
    this.#context.log.add({
      ...envelope(transaction.flow, 'exception', transaction.response.timeUs),
      service: transaction.service,
      details: {
        state: edge.kind,
        statusCode: code,
        statusName: statusCodeName(code),
        ...(edge.kind === 'stopped' ? { count: edge.count } : {}),
      },
    });
  }

  /** Any transaction; `row` is its conversation, `recordId` the record that stands for it. */
  see(transaction: OpcuaTransaction, row: number, recordId: string): void {
    switch (transaction.service) {
      case 'Write':
        this.#seeWrite(transaction, row);
        break;
      case 'Call':
        this.#seeCall(transaction, row);
        break;
      case 'ActivateSession':
        this.#seeActivateSession(transaction, recordId);
        break;
      case 'CreateSession':
        this.#seeCreateSession(transaction);
        break;
      case 'GetEndpoints':
        this.#seeEndpoints(transaction);
        break;
      case 'FindServers':
        if (transaction.response.present) this.#seeServers(transaction);
        break;
      default:
    }
  }

  #seeWrite(transaction: OpcuaTransaction, row: number): void {
    const { request, flow, service } = transaction;
    const { digest, writes } = this.#context;
    const nodes = decodeRequest('Write', request.body, digest)?.nodesToWrite ?? [];
    for (const node of nodes.slice(0, ITEMS_PER_MESSAGE_MAX)) {
      const { nodeId, attributeId } = node;
      if (nodeId === undefined) continue;
      writes.see(row, `${nodeId} ${attributeId ?? ''}`, 'write', () => ({
        ...envelope(flow, 'write', request.timeUs),
        service,
        nodeId,
        details: {
          ...(attributeId === undefined ? {} : { attributeId }),
          ...scalarOf(node.value?.value),
          outcome: outcomeOf(transaction),
        },
      }));
    }
  }

  #seeCall(transaction: OpcuaTransaction, row: number): void {
    const { request, flow, service } = transaction;
    const { digest, writes } = this.#context;
    const methods = decodeRequest('Call', request.body, digest)?.methodsToCall ?? [];
    for (const { objectId, methodId } of methods.slice(0, ITEMS_PER_MESSAGE_MAX)) {
      if (objectId === undefined || methodId === undefined) continue;
      writes.see(row, `${objectId} ${methodId}`, 'call', () => ({
        ...envelope(flow, 'call', request.timeUs),
        service,
        nodeId: objectId,
        details: { methodId, outcome: outcomeOf(transaction) },
      }));
    }
  }

  #seeActivateSession(transaction: OpcuaTransaction, recordId: string): void {
    const { request, flow, matched, serviceResult } = transaction;
    const { digest, log } = this.#context;
    if (request.present && request.body.length > 0) this.#detectLogin(transaction, recordId);
    if (!matched) return;
    const token = decodeRequest('ActivateSession', request.body, digest)?.userIdentityToken;
    const known = token !== undefined && 'tokenType' in token ? token : undefined;
    const isRefused = serviceResult >>> 30 === 2;
    log.add({
      ...envelope(flow, isRefused ? 'loginFailed' : 'login', request.timeUs),
      details: {
        ...(known === undefined ? {} : { tokenType: known.tokenType }),
        ...(known?.userName === undefined ? {} : { userName: known.userName }),
        result: statusCodeName(serviceResult >>> 0),
        securityMode: transaction.securityMode ?? 'unknown',
      },
    });
  }

  #detectLogin(transaction: OpcuaTransaction, recordId: string): void {
    const { request, flow, securityMode, securityPolicyUri } = transaction;
    const { cases, evidence, digest } = this.#context;
    const facts = activateSessionFacts(request.body);
    const channel = `${securityPolicyUri ?? ''} ${securityMode ?? ''}`;
    for (const rule of ACTIVATE_SESSION_RULES) {
      const finding = rule.detectActivateSession(transaction, facts);
      if (finding === undefined) continue;
      cases.observe(finding, { flow, channel, timeUs: request.timeUs }, () => {
        const spans = secretSpans(request.body, request.typeId);
        const secret = { flow, body: request.body, spans };
        const frame = { address: request.frameAddress, bytes: request.frameBytes, secret };
        return collectEvidence([recordId], [frame], evidence, digest);
      });
    }
  }

  #seeCreateSession(transaction: OpcuaTransaction): void {
    const { request, response, flow } = transaction;
    const { digest } = this.#context;
    const asked = decodeRequest('CreateSession', request.body, digest);
    const client = flow.client.ipAddress;
    const source = 'opcua.CreateSession';
    this.#tellApplication(client, asked?.clientDescription, source, request.timeUs);
    this.#tellCertificate(client, asked?.clientCertificate, source, request.timeUs);
    const answer = decodeResponse('CreateSession', response.body, digest);
    const address = flow.server.ipAddress;
    this.#tellCertificate(address, answer?.serverCertificate, source, response.timeUs);
    const server = answer?.serverEndpoints?.[0]?.server;
    this.#tellApplication(flow.server.ipAddress, server, source, response.timeUs);
  }

  #seeEndpoints(transaction: OpcuaTransaction): void {
    const { response, flow } = transaction;
    const answer = decodeResponse('GetEndpoints', response.body, this.#context.digest);
    const source = 'opcua.GetEndpoints';
    const address = flow.server.ipAddress;
    for (const endpoint of answer?.endpoints ?? []) {
      const { server, serverCertificate, securityMode, securityPolicyUri } = endpoint;
      this.#tellApplication(address, server, source, response.timeUs);
      this.#tellCertificate(address, serverCertificate, source, response.timeUs);
      if (securityMode === undefined) continue;
      const policy = securityPolicyUri?.split('#')[1] ?? securityPolicyUri ?? 'unknown';
      this.#tell(address, 'offersSecurity', `${securityMode} ${policy}`, source, response.timeUs);
    }
  }

  /** Who a certificate was made for, and until when it holds. */
  #tellCertificate(
    address: string,
    certificate: SeenCertificate | undefined,
    source: string,
    timeUs: number,
  ): void {
    if (certificate === undefined) return;
    const { sha256Thumbprint, subject, notAfter } = certificate;
    this.#tell(address, 'certificateSha256', sha256Thumbprint, source, timeUs);
    this.#tell(address, 'certificateSubject', subject, source, timeUs);
    this.#tell(address, 'certificateNotAfter', notAfter, source, timeUs);
  }

  #seeServers({ response, flow }: OpcuaTransaction): void {
    const answer = decodeResponse('FindServers', response.body, this.#context.digest);
    const source = 'opcua.FindServers';
    // A discovery server tells of others too: only what is alone is about itself.
    const [server, ...others] = answer?.servers ?? [];
    if (others.length > 0) return;
    this.#tellApplication(flow.server.ipAddress, server, source, response.timeUs);
  }

  #tellApplication(
    address: string,
    application: ApplicationFacts | undefined,
    source: string,
    timeUs: number,
  ): void {
    if (application === undefined) return;
    this.#tell(address, 'applicationUri', application.applicationUri, source, timeUs);
    this.#tell(address, 'productUri', application.productUri, source, timeUs);
    this.#tell(address, 'applicationName', application.applicationName?.text, source, timeUs);
  }

  #tell(
    address: string,
    name: string,
    value: string | undefined,
    source: string,
    timeUs: number,
  ): void {
    if (value !== undefined) this.#context.assets.fact(address, name, value, source, timeUs);
  }
}

interface ApplicationFacts {
  readonly applicationUri?: string | undefined;
  readonly productUri?: string | undefined;
  readonly applicationName?: { readonly text?: string | undefined } | undefined;
}

function scalarOf(value: unknown): { value?: string | number | boolean } {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return { value };
  }
  return {};
}

function outcomeOf(transaction: OpcuaTransaction): string {
  if (!transaction.response.present) return 'unanswered';
  const { serviceResult } = transaction;
  return serviceResult === 0 ? 'done' : statusCodeName(serviceResult >>> 0);
}

function timeOf(transaction: OpcuaTransaction): number {
  return transaction.request.present ? transaction.request.timeUs : transaction.response.timeUs;
}

function envelope(flow: FlowFacts, kind: ObservationKind, timeUs: number): Observation {
  return {
    kind,
    timeUs,
    protocol: 'opcua',
    clientIpAddress: flow.client.ipAddress,
    serverIpAddress: flow.server.ipAddress,
    serverPort: flow.server.port,
  };
}
