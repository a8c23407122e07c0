"""What pages say of alerts (hub/monitor/alerts/pages.toml) and of what could not be looked at."""

from collections.abc import Mapping
from typing import Final

from hub.console.web.words import N_

TITLES: Final[Mapping[str, str]] = {
    "network_ended": N_("Ruta se apagó sin que nadie lo pidiera"),
    "supervisor_frozen": N_("Lo que vuelve a arrancar los procesos está detenido"),
    "disk_full": N_("Un disco está lleno"),
    "broker_away": N_("RabbitMQ no responde"),
    "database_away": N_("PostgreSQL no responde"),
    "broker_alarm": N_("RabbitMQ no recibe más: le falta memoria o disco"),
    "broker_degraded": N_("Falta un nodo de RabbitMQ, o una cola no está"),
    "clock_apart": N_("Los relojes no coinciden"),
    "broker_differs": N_("A RabbitMQ le falta algo de lo declarado"),
    "process_dead": N_("Un proceso no corre"),
    "reader_frozen": N_("Un proceso está detenido"),
    "monitor_dead": N_("Nadie vigila"),
    "no_consumer": N_("Hay mensajes en una cola que nadie lee"),
    "queue_old": N_("Hay mensajes que llevan mucho en una cola"),
    "own_service_behind": N_("El servicio propio de una organización no recibe nada"),
    "outbox_old": N_("Hay decisiones sin publicar"),
    "referral_overdue": N_("Hay referencias con el plazo vencido y nadie actuó"),
    "reconciliation_gap": N_("Se publicaron mensajes que no han llegado"),
    "quarantine": N_("Se desistió de aplicar mensajes"),
    "dead_lettered": N_("Hay mensajes en «unrouted» o «dead»"),
    "read_table_lag": N_("Lo que se lee está atrasado"),
    "audit_broken": N_("La auditoría no está como se escribió"),
    "certificate": N_("Un certificado venció o no sirve"),
    "process_says": N_("Un proceso dice que algo no lo deja trabajar"),
    "parked_much": N_("Mucho de un mismo remitente está en espera"),
    "organisation_silent": N_("Una organización no dice nada"),
    "organisation_unread": N_("Una organización no lee lo que es para ella"),
}
UNSEEN: Final[Mapping[str, str]] = {
    "organisations": N_("qué organización está en silencio"),
    "own_services": N_("qué servicios propios de organizaciones trabajan"),
    "referrals": N_("qué referencias tienen el plazo vencido, y cuántas emergencias esperan"),
    "unacknowledged": N_("qué no han leído las organizaciones"),
    "audit": N_("si la auditoría está completa"),
    "gaps": N_("si llegó todo lo que se publicó"),
}
"""By probe (hub/monitor/alerts/rules.py, WANTED): what nobody can say where it has said nothing."""
