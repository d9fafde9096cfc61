# stop ends the script with a sentence.
stop() {
  echo "stopped: $*" >&2
  exit 1
}

# objects prints a line for each object of some kinds: kind/name, whether it may be going
# (it is being deleted or has an owner), its uid, its owners' uids, whether it was
# installed with this release, and which of the given words its fields hold.
objects() { # KINDS SCOPE WORD…
  local kinds=$1 scope=$2 words
  shift 2
  words=$(printf ' "%s"' "${@:-}")
  kubectl get "$kinds" "$scope" --output go-template='
{{- define "find" -}}
  {{- $type := printf "%T" . -}}
  {{- if eq $type "string" -}}{{- if eq .'"$words"' }} {{ . }}{{ end -}}
  {{- else if eq $type "[]interface {}" -}}{{- range . -}}{{- template "find" . -}}{{- end -}}
  {{- else if eq $type "map[string]interface {}" -}}
    {{- range $key, $value := . -}}
      {{- if not (eq $key "labels" "matchLabels" "selector" "namespace" "serviceAccount" "serviceAccountName") -}}
        {{- template "find" $value -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- range .items -}}
  {{- .kind }}/{{ .metadata.name }}{{ "\t" -}}
  {{- if or .metadata.deletionTimestamp .metadata.ownerReferences }}going{{ else }}stays{{ end }}{{ "\t" -}}
  {{- .metadata.uid }}{{ "\t" -}}
  {{- range .metadata.ownerReferences }}{{ .uid }},{{ end }}{{ "\t" -}}
  {{- with .metadata.annotations -}}
    {{- if or (index . "connectedregistry.dev/added-by") (eq "'"$release/$namespace"'"
      (printf "%v/%v" (index . "meta.helm.sh/release-name") (index . "meta.helm.sh/release-namespace"))) }}ours{{ end -}}
  {{- end }}{{ "\t" -}}
  {{- range $key, $value := . -}}
    {{- if not (eq $key "kind" "metadata" "status") -}}{{- template "find" $value -}}{{- end -}}
  {{- end -}}
  {{- with .metadata.annotations -}}{{- template "find" . -}}{{- end }}{{ "\n" -}}
{{- end -}}'
}

# others keeps of the lines of objects those that neither belong to this release nor are
# owned by what does.
others() {
  awk -F '\t' '
    { line[NR] = $0; uid[NR] = $3; owners[NR] = $4; if ($5 != "") own[$3] }
    END {
      do {
        more = 0
        for (i = 1; i <= NR; i++) {
          n = split(owners[i], owner, ",")
          for (j = 1; j < n; j++) if (owner[j] in own && !(uid[i] in own)) { own[uid[i]]; more = 1 }
        }
      } while (more)
      for (i = 1; i <= NR; i++) if (!(uid[i] in own)) print line[i]
    }'
}

# installed prints what still runs of the registry.
installed() {
  objects deployments,statefulsets,daemonsets,replicasets,jobs,pods "--namespace=$namespace" ACR_REGISTRY_CONNECTION_STRING |
    awk -F '\t' -v OFS='\t' -v workloads=" $workloads " '$5 $6 != "" || index(workloads, " " $1 " ") { $6 = ""; print }'
}

# users prints what names a Secret, ConfigMap or claim in its fields. Before the
# uninstallation the release does not count.
users() { # before|after NAMESPACE NAME…
  local when=$1 scope=--namespace=$2 kinds
  local skipped='secrets|events(\..*)?|leases\..*|endpoints|endpointslices\..*|controllerrevisions\..*|nodes|namespaces|componentstatuses'
  skipped+='|.*metrics\.k8s\.io|customresourcedefinitions\..*|persistentvolumes|volumesnapshots\..*'
  shift 2
  if [ "$when" = before ]; then skipped+='|helmreleases\..*'; fi
  kinds=$(kubectl api-resources --verbs=list --output name) || return
  kinds=$(grep -vxE "$skipped" <<<"$kinds" | paste -sd, -) || return
  if [ "$when" = before ]; then
    objects "$kinds" "$scope" "$@" | others
  else
    objects "$kinds" "$scope" "$@"
  fi | awk -F '\t' '$6 != ""'
}

# strangers prints the objects of others whose CRDs Helm deletes with the release: those
# that it installed and that have no annotation to keep them.
strangers() {
  local kinds
  kinds=$(kubectl get customresourcedefinitions --output go-template='
{{- range .items }}{{ $name := .metadata.name }}{{ with .metadata.annotations -}}
  {{- if and (eq "'"$release/$namespace"'" (printf "%v/%v" (index . "meta.helm.sh/release-name") (index . "meta.helm.sh/release-namespace")))
    (ne "keep" (printf "%v" (index . "helm.sh/resource-policy"))) }}{{ $name }}{{ "\n" }}{{ end -}}
{{- end }}{{ end -}}') || return
  if [ -n "$kinds" ]; then objects "$(paste -sd, - <<<"$kinds")" --all-namespaces | others; fi
}

# require_none stops if a command lists something. It waits a minute for what may be
# going.
require_none() { # SENTENCE COMMAND…
  local sentence=$1 left
  shift
  for _ in {1..30}; do
    left=$("$@") || stop "cannot list what the cluster holds, so it cannot be known what is still in use"
    if [ -z "$left" ]; then return; fi
    if grep -q $'\tstays\t' <<<"$left"; then break; fi
    sleep 2
  done
  left=$(awk -F '\t' '{
    n = split($6, found, " "); names = ""
    for (i = 1; i <= n; i++) if (index(names " ", " " found[i] " ") == 0) names = names " " found[i]
    print (NR == 1 ? ": " : "; ") $1 (names == "" ? "" : " uses" names)
  }' <<<"$left")
  stop "$sentence$(tr -d '\n' <<<"$left")"
}

require_uninstalled() {
  require_none "the registry is not uninstalled from namespace $namespace, and the next part needs that; uninstall what is left" installed
}

require_unused() { # before|after NAMESPACE NAME…
  require_none "the next part would delete what is still in use; remove what uses it" users "$@"
}

# in_use says what is kept if a command lists something that needs it.
in_use() { # WHAT COMMAND…
  local what=$1 left
  shift
  left=$("$@") || left="what could not be listed"
  if [ -z "$left" ]; then return 1; fi
  echo "kept: $what, because of" $left
}

# cert_managers prints the workloads of any cert-manager in the cluster.
cert_managers() {
  kubectl get deployments,statefulsets,daemonsets --all-namespaces --output \
    jsonpath='{range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name} {..image}{"\n"}{end}' | awk '/cert-manager/ { print $1 }'
}

# crd_users prints what needs CRDs: a cert-manager, and the objects of their kinds.
crd_users() { # CRD…
  cert_managers || return
  kubectl get "$(printf '%s\n' "${@#*/}" | paste -sd, -)" --all-namespaces --output name
}

delete_unused_crds() { # what selects them
  local crds
  crds=$(kubectl get customresourcedefinitions --ignore-not-found --output name "$@")
  if [ -n "$crds" ]; then
    in_use "the CRDs of cert-manager" crd_users $crds || kubectl delete --ignore-not-found $crds
  fi
}

# selecting_daemonsets prints those that run on the nodes with the registry's label.
selecting_daemonsets() {
  kubectl get daemonsets --all-namespaces --output go-template='
{{- range .items }}{{ $name := printf "DaemonSet/%s/%s " .metadata.namespace .metadata.name }}{{ with .spec.template.spec.nodeSelector -}}
  {{- if index . "containerd-configured-by" }}{{ $name }}{{ end }}{{ end }}{{ end -}}'
}

# require_written stops if cert-manager has not written one of these Secrets.
require_written() { # NAMESPACE SECRET…
  local others scope=--namespace=$1
  shift
  others=$(kubectl get secrets "$scope" --output go-template='
{{- range .items }}{{ if eq .metadata.name'"$(printf ' "%s"' "$@")"' }}{{ $writer := "" }}{{ with .metadata.annotations -}}
  {{- $writer = or (index . "cert-manager.io/certificate-name") (index . "cert-manager.io/allow-direct-injection") "" -}}
{{- end }}{{ if not $writer }} Secret/{{ .metadata.name }}{{ end }}{{ end }}{{ end -}}')
  if [ -n "$others" ]; then stop "cert-manager has not written$others; remove the name from this part, or the Secret"; fi
}

# delete_claims prints what each volume that is retained stands for before it deletes it.
delete_claims() { # CLAIM…
  local volumes
  volumes=$(kubectl get persistentvolumes --output go-template='
{{- range .items }}{{ $volume := .metadata.name }}{{ with .spec }}{{ if and .claimRef (eq .persistentVolumeReclaimPolicy "Retain") -}}
  {{- if and (eq .claimRef.namespace "'"$namespace"'") (eq .claimRef.name'"$(printf ' "%s"' "$@")"') }}{{ $volume }}
    {{- range $key, $value := . -}}
      {{- if not (eq $key "accessModes" "capacity" "claimRef" "mountOptions" "nodeAffinity" "persistentVolumeReclaimPolicy"
        "storageClassName" "volumeAttributesClassName" "volumeMode") }} {{ $key }} {{ $value }}{{ end -}}
    {{- end }}{{ "\n" -}}
  {{- end -}}
{{- end }}{{ end }}{{ end -}}')
  kubectl delete persistentvolumeclaim --namespace "$namespace" --ignore-not-found "$@"
  if [ -n "$volumes" ]; then
    echo "retained: the data of these volumes stays in the storage, to be deleted there:"
    echo "$volumes"
    kubectl delete persistentvolume --ignore-not-found $(cut -d ' ' -f 1 <<<"$volumes")
  fi
}

# content prints what the namespace holds beside what every namespace has.
content() {
  local kinds
  kinds=$(kubectl api-resources --namespaced --verbs=list --output name) || return
  kubectl get "$(paste -sd, - <<<"$kinds")" --namespace "$namespace" --ignore-not-found --output name |
    awk '!/^(configmap\/kube-root-ca\.crt|serviceaccount\/default|endpoints\/.*|endpointslice\.discovery\.k8s\.io\/.*|event(\.events\.k8s\.io)?\/.*)$/'
}
