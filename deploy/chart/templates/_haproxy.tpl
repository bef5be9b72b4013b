{{/* deploy/haproxy.cfg with a server for each replica; deploy/check-chart.sh compares them. */}}
{{- define "lightgcn.haproxy" -}}
{{- $name := include "lightgcn.name" . -}}
global
  maxconn 8192
  # The id of a user is read from a body: bodies up to this size less 1 KiB can be routed.
  tune.bufsize 65536

defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  timeout http-request 5s
  option httpchk GET /health/ready
  # Idle connections are closed before the service does (header_timeout_seconds, 5).
  default-server inter 1s fall 2 rise 2 pool-purge-delay 2s

frontend public
  bind :8080
  option http-buffer-request
  monitor-uri /health/ready
  monitor fail if { nbsrv(answers) lt 1 }

  # The user: from the path, else the header X-User, else the body: a request, the first event, or
  # the first of a batch.
  http-request set-var(txn.user) path,field(4,/),url_dec if { path_beg /v1/recommendations/ /v1/explanations/ /v1/users/ /v1/graph/ }
  http-request set-var(txn.user) req.hdr(X-User) if !{ var(txn.user) -m found } { req.hdr(X-User) -m found }
  http-request set-var(txn.user) req.body,json_query('$.user') if !{ var(txn.user) -m found } METH_POST
  http-request set-var(txn.user) req.body,json_query('$.events[0].user') if !{ var(txn.user) -m found } METH_POST
  http-request set-var(txn.user) req.body,json_query('$.requests[0].user') if !{ var(txn.user) -m found } METH_POST

  # HAProxy reads large numbers of a body as 1.23457e+08, which many ids share.
  http-request return status 400 content-type text/plain string "Send ids as strings, or name the user in the header X-User\n" if METH_POST !{ req.hdr(X-User) -m found } { var(txn.user) -m reg -i ^[0-9.]+e[+][0-9]+$ }

  acl stores path /v1/events
  acl stores path_beg /v1/users/
  acl changes method POST PUT DELETE
  # What changes every replica goes to each of them, not through here.
  http-request return status 421 content-type text/plain string "Send catalogue changes to every replica\n" if { path /v1/catalogue }
  # An event without a user would be stored anywhere.
  http-request return status 400 content-type text/plain string "Name the user in the header X-User\n" if { path /v1/events } METH_POST !{ var(txn.user) -m found }

  use_backend events if stores changes
  default_backend answers

# Another replica answers for one that is down, by its model alone.
backend answers
  balance hash var(txn.user)
  hash-type consistent sdbm avalanche
  option redispatch
  retry-on conn-failure empty-response
{{- range $shard := until (int .Values.replicas) }}
  server shard{{ $shard }} {{ $name }}-shard-{{ $shard }}:8080 id {{ add1 $shard }} check
{{- end }}

# Without health checks, so that a user's replica never changes: while it is down, clients get 503 and send the events again.
backend events
  balance hash var(txn.user)
  hash-type consistent sdbm avalanche
  retry-on conn-failure
{{- range $shard := until (int .Values.replicas) }}
  server shard{{ $shard }} {{ $name }}-shard-{{ $shard }}:8080 id {{ add1 $shard }}
{{- end }}
{{- end }}
