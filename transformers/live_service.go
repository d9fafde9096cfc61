package transformers

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

// maxRangeBits is how many bits of an address a cluster's Service range leaves open at
// most, where it is a flag of the API server and no ServiceCIDR object.
// Source: kube-apiserver, --service-cluster-ip-range.
const maxRangeBits = 20

// service compares the stated addresses with the cluster's range and its Services.
func (l *live) service() error {
	o := l.registry.Service
	if o == nil {
		return nil
	}
	there := l.there(o)
	for _, ip := range addressesOf(o) {
		if there != nil && l.sameAddress(there, ip) {
			continue
		}
		l.judgeRange(o, ip)
		for _, other := range l.objects["Service"] {
			if other != there && slices.Contains(addressesOf(other), ip) {
				l.refuse(codes.AddressTaken, other, "spec.clusterIP", "choose another address for spec.service.clusterIP", "it has the address %s, which %s is to have", ip, o)
			}
		}
	}
	return nil
}

// sameAddress says whether the live Service has an address, and reports where it has
// another, which it keeps for life.
func (l *live) sameAddress(there *resource.Object, ip netip.Addr) bool {
	has := addressesOf(there)
	sameFamily := func(a netip.Addr) bool { return a.Is4() == ip.Is4() }
	i := slices.IndexFunc(has, sameFamily)
	if i < 0 || has[i] == ip {
		return i >= 0
	}
	l.refuse(codes.ImmutableField, there, "spec.clusterIP",
		fmt.Sprintf("write spec.service.clusterIP: %s, or delete the Service before you upgrade", has[i]),
		"it cannot be changed; it is %s, and the render has %s", has[i], ip)
	return false
}

// addressesOf are a Service's addresses, none for a headless one.
func addressesOf(o *resource.Object) []netip.Addr {
	var found []netip.Addr
	add := func(value string) {
		if ip, err := netip.ParseAddr(value); err == nil && !slices.Contains(found, ip) {
			found = append(found, ip)
		}
	}
	add(text(o.Node(), "spec", "clusterIP"))
	for _, n := range elements(o.Node(), "spec", "clusterIPs") {
		add(n.YNode().Value)
	}
	return found
}

// judgeRange reports an address that no range of the cluster holds. ServiceCIDR
// objects say the ranges (Kubernetes 1.33 and later); else they are inferred.
func (l *live) judgeRange(o *resource.Object, ip netip.Addr) {
	ranges := l.serviceRanges()
	if len(ranges) == 0 {
		l.inferRange(o, ip)
		return
	}
	for _, r := range ranges {
		if r.Contains(ip) && ip != r.Masked().Addr() && (ip.Is6() || ip != lastOf(r)) {
			return
		}
	}
	l.missing(codes.AddressOutsideRange, "Service/"+l.namespaceOf(o)+"/"+o.Name, fmt.Sprintf("choose an address of %s for spec.service.clusterIP", joinPrefixes(ranges)),
		"no Service range of the cluster has the address %s; there is %s", ip, joinPrefixes(ranges))
}

func joinPrefixes(ranges []netip.Prefix) string {
	joined := ""
	for i, r := range ranges {
		if i > 0 {
			joined += " and "
		}
		joined += r.String()
	}
	return joined
}

// serviceRanges are those that ServiceCIDR objects state. From one that is being
// deleted no address is given out.
func (l *live) serviceRanges() []netip.Prefix {
	var ranges []netip.Prefix
	for _, o := range l.objects["ServiceCIDR"] {
		if text(o.Node(), "metadata", "deletionTimestamp") != "" {
			continue
		}
		for _, n := range elements(o.Node(), "spec", "cidrs") {
			if r, err := netip.ParsePrefix(n.YNode().Value); err == nil {
				ranges = append(ranges, r)
			}
		}
	}
	return ranges
}

// lastOf is the last address of an IPv4 range, which no Service gets.
func lastOf(r netip.Prefix) netip.Addr {
	bytes := r.Masked().Addr().As4()
	for bit := r.Bits(); bit < 32; bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(bytes)
}

// inferRange goes by the Service kubernetes, which has the first address of the first
// range. What is certainly outside is a problem, what may be is a warning.
func (l *live) inferRange(o *resource.Object, ip netip.Addr) {
	var known []netip.Addr
	for _, a := range addressesOf(l.find("Service", "default", "kubernetes")) {
		if a.Is4() == ip.Is4() {
			known = append(known, a)
		}
	}
	if len(known) == 0 {
		l.warn(codes.AddressUnchecked, o, "not checked whether the cluster has a Service range for %s: nothing tells of one", ip)
		return
	}
	first := known[0]
	widest, err := first.Prefix(first.BitLen() - maxRangeBits)
	if err == nil && (!widest.Contains(ip) || ip.Less(first)) {
		l.missing(codes.AddressOutsideRange, "Service/"+l.namespaceOf(o)+"/"+o.Name, "choose an address near those of the other Services for spec.service.clusterIP: kubectl get services --all-namespaces",
			"the address %s is outside the cluster's Service range, whose first address is %s and which %s holds", ip, first, widest)
		return
	}
	for _, service := range l.objects["Service"] {
		known = append(known, addressesOf(service)...)
	}
	if seen := smallest(first, known); !seen.Contains(ip) {
		l.warn(codes.AddressOutsideRange, o, "the address %s may be outside the cluster's Service range: all Services that there are have addresses of %s", ip, seen)
	}
}

// smallest is the smallest range that holds the addresses of first's family.
func smallest(first netip.Addr, addresses []netip.Addr) netip.Prefix {
	bits := first.BitLen()
	prefix := netip.PrefixFrom(first, bits)
	for _, a := range addresses {
		for a.Is4() == first.Is4() && !prefix.Contains(a) {
			bits--
			prefix = netip.PrefixFrom(first, bits).Masked()
		}
	}
	return prefix
}
