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
    "log_behind": N_("El registro de mensajes está atrasado"),
    "audit_broken": N_("La auditoría no está como se escribió"),
    "emergency_used": N_("Alguien usa la cuenta de emergencia"),
    "certificate": N_("Un certificado venció o no sirve"),
    "process_says": N_("Un proceso dice que algo no lo deja trabajar"),
    "parked_much": N_("Mucho de un mismo remitente está en espera"),
    "organisation_silent": N_("Una organización no dice nada"),
    "organisation_unread": N_("Una organización no lee lo que es para ella"),
}
MEANS: Final[Mapping[str, str]] = {
    "network_ended": N_(
        "`./ruta up` fue detenido a la fuerza, o lo fue su máquina. No entra nada; lo que ya se había recibido "
        "está en disco."
    ),
    "supervisor_frozen": N_("`./ruta up` está detenido. Lo que corre sigue; lo que termine no vuelve a arrancar."),
    "disk_full": N_("A un servidor no le queda espacio en el disco: lo que llega espera. No se pierde nada."),
    "broker_away": N_(
        "RabbitMQ no corre, no contesta o no deja entrar a nuestro usuario. Por HTTP se sigue recibiendo, y "
        "espera; por AMQP no entra nadie."
    ),
    "database_away": N_(
        "PostgreSQL no corre, no contesta o no deja entrar a nuestro usuario. Los servicios no aplican nada y por "
        "HTTP no entra nada; lo que llega por AMQP espera en RabbitMQ."
    ),
    "broker_alarm": N_("RabbitMQ no recibe más hasta que tenga espacio: todos los que envían esperan."),
    "broker_degraded": N_("Corren muy pocos nodos, o no se ven entre sí. Lo que está en una cola caída espera."),
    "clock_apart": N_(
        "El reloj de una máquina está a más de cinco minutos del de otra. Lo que depende de la hora espera, y no "
        "se actúa por ningún plazo."
    ),
    "broker_differs": N_("Falta una cola, un enlace, un usuario o un permiso, o no es como dice deploy/network.toml."),
    "process_dead": N_("Terminó sin que nadie lo pidiera y no ha vuelto. Lo que es para él espera; no se pierde nada."),
    "reader_frozen": N_(
        "Está ahí y no da señales de vida. A los 30 segundos se termina y vuelve a arrancar; el segundo proceso de "
        "su servicio, donde lo hay, sigue en menos de un minuto, y esto puede esperar mientras su cola avance o esté "
        "vacía."
    ),
    "monitor_dead": N_(
        "Lo que avisa de las alertas, o el registro de mensajes, no corre o está detenido: de lo que falle ahora "
        "no se entera nadie. Los mensajes siguen pasando."
    ),
    "no_consumer": N_("El proceso que lee esta cola no está conectado a ella."),
    "queue_old": N_("Quien la lee está ahí, pero no alcanza o no avanza."),
    "own_service_behind": N_(
        "Es un servicio que corre la organización: allá `./ruta serve` no corre, está detenido o sin conexión. Lo "
        "que es para él espera, y también quien lo dijo; no se pierde nada."
    ),
    "outbox_old": N_("Un servicio decidió algo que RabbitMQ todavía no tiene: nadie se entera."),
    "referral_overdue": N_(
        "Ya tocaba el siguiente paso de su plazo (recordar, avisar a coordinación, vencer) y no se ha dado: el "
        "reloj de `referrals` no llega a hacerlo."
    ),
    "reconciliation_gap": N_(
        "Quien los envió dice que salieron, y donde debían llegar no están: se vació o se borró una cola, o se "
        "perdió una fila."
    ),
    "quarantine": N_(
        "Un servicio no pudo aplicarlos en diez intentos, o no pudo leerlos. Quedan ahí hasta que alguien decida."
    ),
    "dead_lettered": N_("Ninguna cola los recibió, o cada uno se entregó veinte veces en vano."),
    "read_table_lag": N_("La consola o los informes muestran un estado más viejo que el de la red."),
    "log_behind": N_(
        "Lo que pasa espera a que se registre, o la cola `log` está por llenarse: entonces deja caer lo más antiguo, y "
        "el registro no lo tendrá nunca. Los mensajes siguen pasando y nadie espera; lo que el registro muestra es "
        "viejo."
    ),
    "audit_broken": N_("Se cambió o se quitó un registro, o se restauró la base de datos de una copia."),
    "emergency_used": N_(
        "Alguien mira las páginas de operación con el código de `./ruta emergency open`, mientras nadie puede entrar "
        "con su contraseña. Sigue aquí hasta que termine y quede en la auditoría. Si nadie sabe por qué, la primera "
        "orden la termina de inmediato."
    ),
    "certificate": N_("Quien lo revisa no entra."),
    "process_says": N_("Qué es lo dice la frase; se intenta de nuevo por sí solo."),
    "parked_much": N_(
        "De una organización espera más de la mitad de lo que puede esperar; lo que pase de ahí se rechaza."
    ),
    "organisation_silent": N_("No llega nada de ella desde hace más de lo usual."),
    "organisation_unread": N_("Tiene referencias y respuestas sin leer en su buzón."),
}
"""What an alert means; what stands between two grave accents is typed or named so."""
FIRST: Final[Mapping[str, str]] = {
    "supervisor_frozen": N_("`kill -CONT PID`, con el número que dice `./ruta status`"),
    "certificate": N_("Renueve los archivos que nombran `RUTA_HTTP_CERTIFICATE` y `RUTA_CONSOLE_CERTIFICATE`."),
}
"""What is to be done first where that is no command."""
PAGES: Final[Mapping[str, tuple[str, str]]] = {
    "quarantine": ("/fallos", N_("Fallos")),
    "no_consumer": ("/colas", N_("Colas")),
    "queue_old": ("/colas", N_("Colas")),
    "log_behind": ("/colas", N_("Colas")),
    "organisation_silent": ("/organizaciones", N_("Organizaciones")),
    "organisation_unread": ("/organizaciones", N_("Organizaciones")),
    "parked_much": ("/en-espera", N_("En espera")),
}
"""The page that shows what an alert is about, where there is one: its address and its name."""
UNSEEN: Final[Mapping[str, str]] = {
    "organisations": N_("qué organización está en silencio"),
    "own_services": N_("qué servicios propios de organizaciones trabajan"),
    "referrals": N_("qué referencias tienen el plazo vencido, y cuántas emergencias esperan"),
    "unacknowledged": N_("qué no han leído las organizaciones"),
    "audit": N_("si la auditoría está completa"),
    "gaps": N_("si llegó todo lo que se publicó"),
}
"""By probe (hub/monitor/alerts/rules.py, WANTED): what nobody can say where it has said nothing."""
