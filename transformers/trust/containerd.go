package trust

import (
	"fmt"
	"strings"
)

// containerdPath is where containerd's documentation keeps the hosts' directories.
const containerdPath = "/etc/containerd/certs.d"

// Containerd writes a directory for each host, as containerd 1.5 and later look them
// up below config_path, and the setting of config_path for containerd 1.x and 2.x.
// The CA is named relative to its directory, so that certs.d can be put anywhere.
//
// Source: containerd's docs/hosts.md and docs/cri/registry.md.
func (r Registry) Containerd() []File {
	var files []File
	for _, e := range r.Endpoints {
		dir := "certs.d/" + e.Host + "/"
		if r.CA != nil {
			files = append(files, r.caFile(dir+"ca.crt"))
		}
		files = append(files, File{dir + "hosts.toml", r.hosts(e)})
	}
	return append(files,
		r.configPath("config-1.x.toml", 2, "io.containerd.grpc.v1.cri"),
		r.configPath("config-2.x.toml", 3, "io.containerd.cri.v1.images"),
	)
}

// hosts is one host's hosts.toml. The registry is the server itself and no mirror of
// it: a mirror's failure would be followed by a try without the CA, whose error would
// hide the first. containerd 1.x does not read a file in which there is no host at all,
// and logs that only.
func (r Registry) hosts(e Endpoint) string {
	var b strings.Builder
	b.WriteString(r.Header)
	fmt.Fprintf(&b, "server = %q\ncapabilities = [\"pull\", \"resolve\"]\n", e.URL)
	if r.CA != nil {
		b.WriteString("ca = \"ca.crt\"\n")
	}
	b.WriteString("\n[host] # no mirrors; containerd 1.x wants to see this\n")
	return b.String()
}

func (r Registry) configPath(name string, version int, plugin string) File {
	return File{name, r.Header + fmt.Sprintf(`#
# For the node's /etc/containerd/config.toml, unless it has a config_path already. Write
# it into that file instead of importing it: an import may replace the whole section.
# Take registry.mirrors and the tls of registry.configs out there: containerd refuses them
# beside it.
version = %d

[plugins."%s".registry]
  config_path = "%s"
`, version, plugin, containerdPath)}
}
