// What gopacket takes to decode a capture file down to Modbus/TCP, without reassembly or matching:
// the yardstick of `npm run bench -- peers`. Usage: gopacket FILE; prints packets and Modbus ADUs.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	reader, err := pcapgo.NewReader(file)
	if err != nil {
		panic(err)
	}
	var ethernet layers.Ethernet
	var vlan layers.Dot1Q
	var ip4 layers.IPv4
	var ip6 layers.IPv6
	var tcp layers.TCP
	var payload gopacket.Payload
	var modbus layers.ModbusTCP
	parser := gopacket.NewDecodingLayerParser(
		layers.LayerTypeEthernet, &ethernet, &vlan, &ip4, &ip6, &tcp, &payload)
	parser.IgnoreUnsupported = true
	decoded := make([]gopacket.LayerType, 0, 8)
	packets, adus := 0, 0
	for {
		data, _, err := reader.ReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			panic(err)
		}
		packets++
		decoded = decoded[:0]
		_ = parser.DecodeLayers(data, &decoded)
		for _, layer := range decoded {
			if layer != layers.LayerTypeTCP || len(tcp.Payload) == 0 {
				continue
			}
			if tcp.SrcPort != 502 && tcp.DstPort != 502 {
				continue
			}
			if modbus.DecodeFromBytes(tcp.Payload, gopacket.NilDecodeFeedback) == nil {
				adus++
			}
		}
	}
	fmt.Printf("{\"packets\":%d,\"adus\":%d}\n", packets, adus)
}
