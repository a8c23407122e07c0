#!/usr/bin/env bash
# A whole partner system on one page, with nothing but curl: it offers a service, sends a referral, and answers those it
# is offered.
#
#     bash first_referral_http.sh HOME DIRECTORY                                      offer a service, and answer
#     bash first_referral_http.sh HOME DIRECTORY --refer-to redcross:SERVICE_ID       send one referral, and follow it
#
# HOME holds what your organisation was handed (credentials.json, private.jwk), DIRECTORY is everyone's public keys
# (directory.json). What is about a person is sealed by `$PYTHON -m ruta_contracts` (pip install "./contracts[sealing]").
# What a real system adds: it reads JSON properly, and keeps what it sends until it is answered.
set -euo pipefail
home=$1 directory=$2
python=${PYTHON:-python3}

handed() { sed -n "s/^ *\"$1\": \"\(.*\)\",*$/\1/p" "$home/credentials.json" | head -n 1; }
name=$(handed organisation) url=$(handed http_url) key=$(handed api_key)
uuid() { cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen | tr A-Z a-z; }
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
# The first field of that name: of a message its envelope comes first.
field() { grep -oE "\"$1\": ?\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4 || true; }
seal() { echo '{"given_names": "Prueba", "family_names": "De Red"}' | "$python" -m ruta_contracts seal "$1" "$directory"; }

# The key comes from a file descriptor: what stands on a command line, every user of the machine can read.
ask() { # PATH, and what else curl is to do; the same bytes may be sent again, and are accepted once
    local path=$1
    shift
    curl --silent --show-error --fail-with-body --retry 10 --retry-connrefused --max-time 60 \
        --header @<(echo "Authorization: Bearer $key") --header "Accept-Language: en" "$@" "$url$path"
}

send() { # TYPE SUBJECT DATA [CAUSE]: say what became of it
    local message answer cause=
    if [ -n "${4:-}" ]; then cause="\"causationid\": \"$4\","; fi
    message="{\"specversion\": \"1.0\", \"id\": \"$(uuid)\", \"source\": \"$name\", \"type\": \"$1\", \"subject\": \"$2\",
        \"time\": \"$(now)\", $cause \"data\": $3}"
    answer=$(ask /v1/messages --header "Content-Type: application/cloudevents+json" --header "Prefer: wait=5" \
        --data-binary "$message") || { echo "$answer" >&2 && exit 1; }
    answer=$(field state <<<"$answer")
    echo "sent      $1 ${answer:-accepted}"
}

offer_service() { # its id stays the same at every start
    local service
    service=$(sha256sum <<<"$name general medicine" |
        sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-8\3-8\4-\5/') # a UUID of version 8
    send service.published.v2 "$service" "{\"service_id\": \"$service\", \"name\": \"Medicina general\",
        \"need_codes\": [\"health.consultation\"], \"active\": true, \"zones\": [\"08001\"]}"
    echo "offering  $name:$service"
}

refer() { # RECIPIENT SERVICE: register a person, record their consent, and ask another organisation to see them
    local person consent referral sealed
    person=$(uuid) consent=$(uuid) referral=$(uuid)
    sealed=$(seal hub)
    send person.registered.v1 "$person" \
        "{\"person_id\": \"$person\", \"registered_at\": \"$(now)\", \"sealed\": \"$sealed\"}"
    send consent.granted.v1 "$consent" "{\"consent_id\": \"$consent\", \"person_id\": \"$person\",
        \"purposes\": [\"refer\"], \"recipients\": [\"$1\"], \"field_groups\": [\"identity\"], \"valid_from\": \"$(now)\",
        \"given_by\": \"person\", \"manner\": \"signed\", \"language\": \"es\"}"
    sealed=$(seal "$1")
    send referral.requested.v2 "$referral" "{\"referral_id\": \"$referral\", \"recipient\": \"$1\", \"service_id\": \"$2\",
        \"urgency\": \"normal\", \"person_id\": \"$person\", \"need_code\": \"health.consultation\",
        \"reason_code\": \"service_not_offered\", \"shares\": [\"identity\"], \"consent_id\": \"$consent\",
        \"contact\": {\"channel\": \"phone\", \"language\": \"es\"}, \"sealed\": \"$sealed\"}"
}

take() { # MESSAGE: show it; answer an offer
    local type said referral id
    type=$(field type <<<"$1") said=$(field state <<<"$1")
    if [ -z "$said" ]; then said=$(field code <<<"$1"); fi
    echo "received  $type${said:+ $said}"
    if [ "$type" = referral.offered.v1 ]; then
        referral=$(field referral_id <<<"$1") id=$(field id <<<"$1")
        field sealed <<<"$1" | "$python" -m ruta_contracts open "$home/private.jwk" >/dev/null
        send referral.received.v1 "$referral" "{\"referral_id\": \"$referral\"}" "$id"
        send referral.accepted.v1 "$referral" "{\"referral_id\": \"$referral\"}" "$id"
    fi
}

follow_inbox() { # as server-sent events; after a cut from the first one on that is not acknowledged
    local line cursor= event=
    while true; do
        while IFS= read -r line; do
            case $line in
            "id: "*) cursor=${line#id: } ;;
            "event: "*) event=${line#event: } ;;
            "data: "*)
                if [ "$event" = message ]; then take "${line#data: }"; fi
                ask /v1/inbox/acknowledge --output /dev/null --header "Content-Type: application/json" \
                    --data "{\"through\": \"$cursor\"}"
                ;;
            esac
        done < <(ask /v1/inbox --no-buffer --max-time 3600 --header "Accept: text/event-stream")
        sleep 2
    done
}

if [ "${3:-}" = --refer-to ]; then refer "${4%%:*}" "${4#*:}"; else offer_service; fi
follow_inbox
