/**
 * Names of the standard's structures that devices send as values, by the namespace 0 id of their
 * binary encoding (OPC 10000-5, OPC 10000-8; checked against node-opcua's list by the test). They
 * are not entered; a reader of the record sees what they are.
 */
// biome-ignore format: one structure a line
export const EXTENSION_OBJECT_NAMES: Readonly<Record<number, string>> = {
  122:   'StructureDefinition',
  123:   'EnumDefinition',
  128:   'RolePermissionType',
  298:   'Argument',
  301:   'StatusResult',
  306:   'UserTokenPolicy',
  310:   'ApplicationDescription',
  314:   'EndpointDescription',
  340:   'BuildInfo',
  346:   'SignedSoftwareCertificate',
  855:   'RedundantServerDataType',
  858:   'SamplingIntervalDiagnosticsDataType',
  861:   'ServerDiagnosticsSummaryDataType',
  864:   'ServerStatusDataType',
  867:   'SessionDiagnosticsDataType',
  870:   'SessionSecurityDiagnosticsDataType',
  873:   'ServiceCounterDataType',
  876:   'SubscriptionDiagnosticsDataType',
  879:   'ModelChangeStructureDataType',
  886:   'Range',
  889:   'EUInformation',
  893:   'Annotation',
  896:   'ProgramDiagnosticDataType',
  899:   'SemanticChangeStructureDataType',
  8251:  'EnumValueType',
  8917:  'TimeZoneDataType',
  11957: 'EndpointUrlListDataType',
  11958: 'NetworkGroupDataType',
  12089: 'AxisInformation',
  12090: 'XVType',
  12181: 'ComplexNumberType',
  12182: 'DoubleComplexNumberType',
  14844: 'StructureField',
  14845: 'EnumField',
};
