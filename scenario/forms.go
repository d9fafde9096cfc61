package scenario

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/internal/lazyregexp"
)

// validateIP accepts any address that one host can have, in a form that every
// part of Kubernetes reads alike.
func validateIP(p *field.Path, value string) (netip.Addr, field.ErrorList) {
	ip, err := netip.ParseAddr(value)
	switch {
	case err != nil:
		fix := ""
		if prefix, err := netip.ParsePrefix(value); err == nil {
			fix = "; write " + prefix.Addr().String() + " without the prefix length"
		} else if hostPort, err := netip.ParseAddrPort(value); err == nil {
			fix = "; write " + hostPort.Addr().String() + " without the port"
		} else if trimmed, err := netip.ParseAddr(strings.Trim(value, " \t[]")); err == nil {
			fix = "; write " + trimmed.String()
		}
		return ip, field.ErrorList{invalid(codes.InvalidAddress, p, value, "expected an IPv4 or IPv6 address"+fix)}
	case ip.Zone() != "":
		return ip, field.ErrorList{invalid(codes.InvalidAddress, p, value, "expected an address without a zone; write "+ip.WithZone("").String())}
	case ip.Is4In6():
		return ip, field.ErrorList{invalid(codes.InvalidAddress, p, value, "an IPv4 address in IPv6 form; write "+ip.Unmap().String())}
	case ip.IsUnspecified():
		return ip, field.ErrorList{invalid(codes.InvalidAddress, p, value, "the unspecified address, expected that of one host")}
	case ip.IsMulticast():
		return ip, field.ErrorList{invalid(codes.InvalidAddress, p, value, "a multicast address, expected that of one host")}
	}
	return ip, nil
}

// parseDuration reads hours, minutes and seconds, which is what people write for
// a certificate and what every reader of metav1.Duration understands.
func parseDuration(p *field.Path, value string, least time.Duration) (time.Duration, field.ErrorList) {
	d, err := time.ParseDuration(value)
	if err != nil || strings.Trim(value, "0123456789.hms+-") != "" || strings.Contains(value, "ms") {
		fix := "2160h"
		if days, err := strconv.Atoi(strings.TrimSuffix(value, "d")); err == nil && days > 0 && days < 100_000 && strings.HasSuffix(value, "d") {
			fix = fmt.Sprintf("%dh", days*24)
		}
		return 0, field.ErrorList{invalid(codes.InvalidDuration, p, value, "expected a duration in h, m and s; write "+fix)}
	}
	if d < least {
		return d, field.ErrorList{invalid(codes.InvalidDuration, p, value, "expected at least "+hours(least)+", cert-manager's minimum")}
	}
	return d, nil
}

// hours spells a duration without its zero parts, "2160h" rather than "2160h0m0s".
func hours(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// SplitLoginServer splits a registryLoginServer into host and port; the port is
// empty where none is written.
func SplitLoginServer(loginServer string) (host, port string) {
	if i := strings.LastIndexByte(loginServer, ':'); i >= 0 {
		return loginServer[:i], loginServer[i+1:]
	}
	return loginServer, ""
}

func validateLoginServer(p *field.Path, value string) field.ErrorList {
	if strings.Contains(value, "@") {
		// What stands before the @ may be a password.
		return field.ErrorList{hidden(codes.InvalidLoginServer, p, "expected host or host:port, without a user; remove what is before the @")}
	}
	bare := value
	if _, after, ok := strings.Cut(bare, "://"); ok {
		bare = after
	}
	bare, _, _ = strings.Cut(bare, "/")
	if bare != value {
		return field.ErrorList{invalid(codes.InvalidLoginServer, p, value, "expected host or host:port, without a scheme and a path; write "+strings.ToLower(bare))}
	}
	if _, err := netip.ParseAddr(strings.Trim(value, "[]")); err == nil {
		return field.ErrorList{invalid(codes.InvalidLoginServer, p, value, "expected a host name, found an address: the registry's own is in the certificate anyway; "+
			"write others as certManager.ipAddresses, and remove it")}
	}
	host, port := SplitLoginServer(value)
	var errs field.ErrorList
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return field.ErrorList{invalid(codes.InvalidLoginServer, p, value, "expected a host name, found an address with a port; remove it")}
	}
	if port != "" || strings.HasSuffix(value, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port {
			errs = append(errs, invalid(codes.InvalidLoginServer, p, value, "expected a port from 1 to 65535 after the host; write the host alone for 80 and 443"))
		}
	}
	if host == "" || len(validation.IsDNS1123Subdomain(host)) > 0 {
		detail := `expected a host name of lower-case letters, digits, "-" and "."`
		if lower := strings.ToLower(value); lower != value && len(validation.IsDNS1123Subdomain(strings.ToLower(host))) == 0 {
			detail += "; write " + lower
		}
		errs = append(errs, invalid(codes.InvalidLoginServer, p, value, detail))
	}
	return errs
}

// quantityForm keeps exponents of many digits from resource.ParseQuantity, which
// computes with all their zeros: 1e-2147483647 keeps it busy for minutes.
var quantityForm = lazyregexp.New(`^[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d{1,2})?$`)

var errNoQuantity = errors.New("not a quantity")

// ParseQuantity is Kubernetes' own for values of any origin: it refuses those that
// would keep it busy.
func ParseQuantity(value string) (resource.Quantity, error) {
	if len(value) > 32 || !quantityForm().MatchString(value) {
		return resource.Quantity{}, errNoQuantity
	}
	return resource.ParseQuantity(value)
}

func validateQuantity(p *field.Path, value string) field.ErrorList {
	q, err := ParseQuantity(value)
	if err != nil {
		detail := "expected a quantity of bytes such as 500Gi"
		if fixed := fixQuantity(value); fixed != "" {
			detail += "; write " + fixed
		}
		return field.ErrorList{invalid(codes.InvalidQuantity, p, value, detail)}
	}
	if q.Sign() <= 0 {
		return field.ErrorList{invalid(codes.InvalidQuantity, p, value, "expected more than 0 bytes; write 500Gi")}
	}
	if whole := q.DeepCopy(); !whole.RoundUp(0) {
		return field.ErrorList{invalid(codes.InvalidQuantity, p, value, `expected a whole number of bytes ("m" is thousandths); write `+strings.TrimSuffix(value, "m")+"Mi")}
	}
	return nil
}

// fixQuantity spells what people write for gibibytes as Kubernetes does.
func fixQuantity(value string) string {
	number := strings.TrimRight(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit := strings.ToLower(strings.TrimSpace(value[len(number):]))
	unit = strings.TrimSuffix(strings.TrimSuffix(unit, "b"), "i")
	fixed := number + strings.ToUpper(unit) + "i"
	if len(value) > 32 || len(unit) != 1 || !quantityForm().MatchString(fixed) {
		return ""
	}
	return fixed
}

func validateDNSName(p *field.Path, value string) field.ErrorList {
	if _, err := netip.ParseAddr(value); err == nil {
		return field.ErrorList{invalid(codes.InvalidName, p, value, "expected a DNS name, found an address; write it in ipAddresses")}
	}
	judge := validation.IsDNS1123Subdomain
	if strings.HasPrefix(value, "*") {
		judge = validation.IsWildcardDNS1123Subdomain
	}
	return name1123(p, value, judge)
}

// name1123 reports a name that judge, one of Kubernetes' own rules, refuses.
func name1123(p *field.Path, value string, judge func(string) []string) field.ErrorList {
	if value == "" {
		return field.ErrorList{invalid(codes.InvalidName, p, value, "expected a name; write one, or remove the field")}
	}
	if len(judge(value)) == 0 {
		return nil
	}
	detail := `expected a name of at most 253 lower-case letters, digits, "-" and ".", with a letter or digit at both ends`
	if len(judge("a.a")) > 0 {
		detail = `expected a name of at most 63 lower-case letters, digits and "-", with a letter or digit at both ends`
	}
	if len(judge("*.a")) == 0 {
		detail = `expected "*." and a name of lower-case letters, digits, "-" and "."`
	}
	if lower := strings.ToLower(strings.Trim(strings.ReplaceAll(value, "_", "-"), " .-\n\t")); harmless(value) && len(judge(lower)) == 0 {
		detail += "; write " + lower
	}
	return field.ErrorList{invalid(codes.InvalidName, p, value, detail)}
}

// oneOf reports a value that is none of allowed; letter case and small slips
// name the one that was meant.
func oneOf(p *field.Path, value string, allowed ...string) field.ErrorList {
	if slices.Contains(allowed, value) {
		return nil
	}
	detail := "expected " + strings.Join(allowed, " or ")
	if i := slices.IndexFunc(allowed, func(a string) bool { return strings.EqualFold(a, value) || near(value, a) }); i >= 0 {
		detail += "; write " + allowed[i]
	}
	return field.ErrorList{invalid(codes.InvalidValue, p, value, detail)}
}

// The makers of field errors that have a code, which is their Origin; no others are
// to be used.

// invalid is field.Invalid that repeats no value which may be key material.
func invalid(code codes.Code, p *field.Path, value, detail string) *field.Error {
	if !harmless(value) {
		return hidden(code, p, fmt.Sprintf("a value of %d characters: %s", len(value), detail))
	}
	return field.Invalid(p, value, detail).WithOrigin(code.String())
}

// hidden is field.Invalid without the value.
func hidden(code codes.Code, p *field.Path, detail string) *field.Error {
	return field.Invalid(p, field.OmitValueType{}, detail).WithOrigin(code.String())
}

func forbidden(code codes.Code, p *field.Path, detail string) *field.Error {
	return field.Forbidden(p, detail).WithOrigin(code.String())
}

func required(code codes.Code, p *field.Path, detail string) *field.Error {
	return field.Required(p, detail).WithOrigin(code.String())
}

func duplicate(p *field.Path, value string) *field.Error {
	return field.Duplicate(p, value).WithOrigin(codes.DuplicateValue.String())
}
