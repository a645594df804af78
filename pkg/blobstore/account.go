package blobstore

import (
	"fmt"
	"strings"
)

const (
	// developmentAccount and developmentKey are those of every emulator of Azure Storage. They are public and protect
	// nothing.
	developmentAccount = "devstoreaccount1"
	developmentKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// ConnectionString returns the full form of UseDevelopmentStorage=true, which the Functions host and other tools take for
// the emulator on this machine (ports 10000 to 10002) and the Go SDKs of Azure Storage refuse. DevelopmentStorageProxyUri
// beside it puts another address before the ports. Any other connection string is returned as it is. It is here, and not
// in an adapter, because the string names an account: its blobs, queues and tables.
func ConnectionString(s string) string {
	development, base := false, "http://127.0.0.1"
	for part := range strings.SplitSeq(s, ";") {
		key, value, _ := strings.Cut(part, "=")
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "usedevelopmentstorage":
			development = strings.EqualFold(strings.TrimSpace(value), "true")
		case "developmentstorageproxyuri":
			base = strings.TrimRight(strings.TrimSpace(value), "/")
		}
	}
	if !development {
		return s
	}
	full := fmt.Sprintf("DefaultEndpointsProtocol=http;AccountName=%s;AccountKey=%s;", developmentAccount, developmentKey)
	for i, service := range []string{"Blob", "Queue", "Table"} {
		full += fmt.Sprintf("%sEndpoint=%s:%d/%s;", service, base, 10000+i, developmentAccount)
	}
	return full
}
