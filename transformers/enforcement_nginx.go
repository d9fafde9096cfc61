package transformers

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/connected-registry/scenario/scenario"
)

// proxyConfig is nginx's configuration. Nothing goes into it but numbers and the
// token path, which validation holds to letters, digits and "._~-/".
//
// What is let through is decided on the request line as it was sent, and not on what
// nginx makes of it: whatever a path decodes to, it is forwarded as it was sent.
func proxyConfig(listeners []listener, tokenPath string) string {
	var b strings.Builder
	fmt.Fprintf(&b, proxyHead, regexp.QuoteMeta(tokenPath))
	for _, l := range listeners {
		fmt.Fprintf(&b, "\n  server {\n")
		tls, scheme := "", "http"
		if l.tls {
			tls, scheme = " ssl", "https"
		}
		if l.ipv6 {
			fmt.Fprintf(&b, "    listen [::]:%d%s ipv6only=off;\n", l.port, tls)
		} else {
			fmt.Fprintf(&b, "    listen %d%s;\n", l.port, tls)
		}
		if l.tls {
			b.WriteString(proxyTLS)
		}
		fmt.Fprintf(&b, proxyServer, tokenPath, fmt.Sprintf("%s://127.0.0.1:%d", scheme, l.upstream))
	}
	b.WriteString("}\n")
	return b.String()
}

// proxyHead is everything outside of the servers. %s is the token path, quoted for a
// regular expression. A digest's colon may come as %3A, as some clients send it; in
// a format of Go that is %%3A.
const proxyHead = `# A proxy in front of the connected registry that lets no push through.
# Made by connected-registry-scenario, which makes it anew with every run.
daemon off;
worker_processes 2;
pid /tmp/nginx.pid;
error_log stderr warn;

events {
  worker_connections 1024;
}

http {
  client_body_temp_path /tmp/client_body;
  fastcgi_temp_path /tmp/fastcgi;
  proxy_temp_path /tmp/proxy;
  scgi_temp_path /tmp/scgi;
  uwsgi_temp_path /tmp/uwsgi;

  # No query and no header: either may hold what is secret.
  log_format requests '$remote_addr "$request_method $uri" $status $body_bytes_sent';
  access_log /dev/stdout requests;
  server_tokens off;
  default_type application/json;

  # What is let through, judged by the request line as it was sent. All else is
  # refused: other methods, other paths, and other ways to write these.
  map "$request_method $request_uri" $let_through {
    default 0;
    "~^(GET|HEAD) /v2(/(?!\.\.?([/?]|$))([A-Za-z0-9._:@+~-]|%%3[Aa])+)*/?(\?[^#]*)?$" 1;
    "~^(GET|POST) %s(\?[^#]*)?$" 1;
    "~^GET ` + scenario.HealthPath + `$" 1;
  }

  # A renewed certificate is served from the next connection on: a path with a
  # variable in it is read anew each time.
  map "" $tls {
    default ` + proxyTLSPath + `;
  }

  # Who stands in front of this proxy has said by what name the client came.
  map $http_x_forwarded_host $forwarded_host {
    default $http_x_forwarded_host;
    "" $http_host;
  }
  map $http_x_forwarded_proto $forwarded_proto {
    default $http_x_forwarded_proto;
    "" $scheme;
  }

  client_header_buffer_size 4k;
  large_client_header_buffers 8 32k;
  client_header_timeout 30s;
  client_body_timeout 30s;
  send_timeout 60s;
  keepalive_timeout 65s;

  proxy_http_version 1.1;
  proxy_connect_timeout 5s;
  proxy_send_timeout 60s;
  proxy_read_timeout 300s;
  proxy_redirect off;
  # Layers pass as they come, of whatever size.
  proxy_buffering off;
  proxy_buffer_size 32k;
  proxy_buffers 8 32k;
  proxy_max_temp_file_size 0;
  # It is the same pod: the certificate is the one that is served here, made for the
  # Service's address and not for 127.0.0.1, and its CA may be in no file.
  proxy_ssl_verify off;
  proxy_ssl_protocols TLSv1.2 TLSv1.3;
`

const proxyTLS = `    ssl_certificate $tls/tls.crt;
    ssl_certificate_key $tls/tls.key;
    ssl_protocols TLSv1.2 TLSv1.3;
`

// proxyHeaders are what the registry is told. Each request has a connection of its own
// to it: what one client sends too much is never the beginning of another's request.
const proxyHeaders = `      proxy_set_header Connection close;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Host $forwarded_host;
      proxy_set_header X-Forwarded-Proto $forwarded_proto;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-HTTP-Method "";
      proxy_set_header X-HTTP-Method-Override "";
      proxy_set_header X-Method-Override "";
`

// proxyServer has the token path and the registry's address. nginx answers TRACE and
// CONNECT, and a body where none may be, by itself: these are refused alike.
const proxyServer = `    error_page 405 413 = @refused;
    if ($let_through = 0) {
      return 405;
    }
    location @refused {
      add_header Docker-Distribution-Api-Version registry/2.0 always;
      return 403 '{"errors":[{"code":"DENIED","message":"This operation is not allowed on this registry."}]}';
    }
    location = ` + scenario.HealthPath + ` {
      access_log off;
      return 200 '{}';
    }
    location = %[1]s {
      client_max_body_size 64k;
` + proxyHeaders + `      proxy_pass %[2]s;
    }
    location / {
      client_max_body_size 1;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
` + proxyHeaders + `      proxy_pass %[2]s;
    }
  }
`
