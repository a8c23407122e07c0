"""The lists of codes that messages carry; what people see in their place stands in `words.toml`."""

from enum import StrEnum
from typing import Literal


class Urgency(StrEnum):
    """How soon the recipient has to decide."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    NORMAL = "normal"


class ReferralState(StrEnum):
    """The states of a referral, as every organisation is told them; a draft never leaves its sender."""

    SENT = "sent"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WAITLISTED = "waitlisted"
    REDIRECTED = "redirected"
    INFO_REQUESTED = "info_requested"
    EXPIRED = "expired"
    SCHEDULED = "scheduled"
    IN_SERVICE = "in_service"
    NO_SHOW = "no_show"
    VISIT_CANCELLED = "visit_cancelled"
    COMPLETED = "completed"
    CLOSED = "closed"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELLED = "cancelled"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    ENTERED_IN_ERROR = "entered_in_error"


class ReferralReason(StrEnum):
    """Why the sender asks another organisation instead of serving the person itself."""

    SERVICE_NOT_OFFERED = "service_not_offered"
    NO_CAPACITY = "no_capacity"
    OUTSIDE_AREA = "outside_area"
    NOT_ELIGIBLE_HERE = "not_eligible_here"
    SPECIALISED_CARE = "specialised_care"
    CONTINUITY_OF_CARE = "continuity_of_care"
    PERSON_ASKED = "person_asked"


class DeclineReason(StrEnum):
    """Why the recipient does not take a referral on, or gives one up that it had accepted."""

    NOT_ELIGIBLE = "not_eligible"
    NO_CAPACITY = "no_capacity"
    OUTSIDE_AREA = "outside_area"
    COULD_NOT_CONTACT = "could_not_contact"
    PERSON_NOT_FOUND = "person_not_found"
    NO_LONGER_INTERESTED = "no_longer_interested"
    DOCUMENTS_MISSING = "documents_missing"
    DUPLICATE = "duplicate"
    NOT_APPLICABLE = "not_applicable"
    SAFETY = "safety"


class EligibilityCriterion(StrEnum):
    """Which criterion a person does not meet, when a referral is declined as not eligible."""

    AGE = "age"
    SEX_OR_GENDER = "sex_or_gender"
    NATIONALITY = "nationality"
    MIGRATION_STATUS = "migration_status"
    RESIDENCE = "residence"
    INCOME = "income"
    HOUSEHOLD = "household"
    HEALTH_AFFILIATION = "health_affiliation"
    ALREADY_SERVED = "already_served"


class Outcome(StrEnum):
    """What became of the need that a referral was about."""

    NEED_MET = "need_met"
    PARTLY_MET = "partly_met"
    NOT_MET = "not_met"
    REFERRED_ONWARD = "referred_onward"
    PERSON_WITHDREW = "person_withdrew"


class NotMetReason(StrEnum):
    """Why a need was not met."""

    NOT_ELIGIBLE = "not_eligible"
    NO_CAPACITY = "no_capacity"
    DOCUMENTS_MISSING = "documents_missing"
    COULD_NOT_CONTACT = "could_not_contact"
    PERSON_MOVED_AWAY = "person_moved_away"
    SERVICE_ENDED = "service_ended"
    SERVICE_NOT_SUITABLE = "service_not_suitable"
    SAFETY = "safety"


class CancelReason(StrEnum):
    """Why the sender takes a referral back."""

    NEED_MET_ELSEWHERE = "need_met_elsewhere"
    PERSON_WITHDREW = "person_withdrew"
    PERSON_MOVED_AWAY = "person_moved_away"
    COULD_NOT_CONTACT = "could_not_contact"
    REFERRED_ELSEWHERE = "referred_elsewhere"
    SAFETY = "safety"


class VisitCancelledBy(StrEnum):
    """Who called a scheduled visit off."""

    PERSON = "person"
    PROVIDER = "provider"


class VisitMode(StrEnum):
    """Where a visit takes place."""

    AT_PROVIDER = "at_provider"
    AT_HOME = "at_home"
    BY_PHONE = "by_phone"
    BY_VIDEO = "by_video"


class ReopenReason(StrEnum):
    """Why a coordinator opens a closed referral again."""

    NEED_NOT_MET = "need_not_met"
    NEED_RETURNED = "need_returned"
    OUTCOME_DISPUTED = "outcome_disputed"
    CLOSED_BY_MISTAKE = "closed_by_mistake"


class ErrorReason(StrEnum):
    """Why a referral should never have been entered."""

    WRONG_PERSON = "wrong_person"
    WRONG_RECIPIENT = "wrong_recipient"
    WRONG_SERVICE = "wrong_service"
    DUPLICATE = "duplicate"
    TRAINING_OR_TEST = "training_or_test"


class InfoTopic(StrEnum):
    """What a recipient asks about before it can decide."""

    ELIGIBILITY = "eligibility"
    DOCUMENTS = "documents"
    CONTACT = "contact"
    HOUSEHOLD = "household"
    HEALTH = "health"
    SAFETY = "safety"
    NEED = "need"
    CONSENT = "consent"


class ReferralEvent(StrEnum):
    """What happens to a referral besides its transitions."""

    REMINDED = "reminded"
    ESCALATED = "escalated"
    ALTERNATIVES_SUGGESTED = "alternatives_suggested"
    PURGE_OWED = "purge_owed"
    PURGED = "purged"
    CHASED = "chased"
    TAKEN_ON = "taken_on"
    NOTE_ADDED = "note_added"


class NoteKind(StrEnum):
    """What a note on a referral is of."""

    NOTE = "note"
    CALL = "call"
    """Of a telephone call that whoever writes it has had."""


class CoordinatorAct(StrEnum):
    """What a coordinator does about a referral that does not go on."""

    CHASED = "chased"
    DEADLINE_EXTENDED = "deadline_extended"
    TAKEN_ON = "taken_on"


class ChaseMeans(StrEnum):
    """How a coordinator has asked an organisation for its answer."""

    TELEPHONE = "telephone"
    EMAIL = "email"
    VISIT = "visit"
    MESSAGE = "message"


class ChaseResult(StrEnum):
    """What came of asking."""

    WILL_ANSWER = "will_answer"
    NEEDS_TIME = "needs_time"
    CANNOT_HELP = "cannot_help"
    SAYS_ANSWERED = "says_answered"
    LEFT_MESSAGE = "left_message"
    NOT_REACHED = "not_reached"


class ExtensionReason(StrEnum):
    """Why a coordinator gives more time."""

    ORGANISATION_ASKED = "organisation_asked"
    PERSON_ASKED = "person_asked"
    DOCUMENTS_AWAITED = "documents_awaited"
    CLOSED_DAYS = "closed_days"
    SYSTEM_DOWN = "system_down"
    EMERGENCY_ELSEWHERE = "emergency_elsewhere"


class DeadlineStep(StrEnum):
    """What the hub does when a deadline comes to its next stage."""

    REMIND = "remind"
    ESCALATE = "escalate"
    SUGGEST = "suggest"
    EXPIRE = "expire"
    CLOSE = "close"


class ReminderAbout(StrEnum):
    """Which deadline a reminder is about."""

    RECEIPT = "receipt"
    DECISION = "decision"
    ANSWER = "answer"
    CANCELLATION = "cancellation"
    OUTCOME = "outcome"
    PURGE = "purge"


class ContactChannel(StrEnum):
    """How a person may be reached without putting them at risk."""

    PHONE = "phone"
    SMS = "sms"
    WHATSAPP = "whatsapp"
    EMAIL = "email"
    HOME_VISIT = "home_visit"
    THROUGH_CAREGIVER = "through_caregiver"
    THROUGH_SENDER = "through_sender"


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Accessibility(StrEnum):
    """What a place or an appointment has to provide so that the person can use it."""

    STEP_FREE = "step_free"
    SIGN_LANGUAGE = "sign_language"
    EASY_LANGUAGE = "easy_language"
    LARGE_PRINT_OR_BRAILLE = "large_print_or_braille"
    COMPANION = "companion"
    CHILDCARE = "childcare"
    TRANSPORT = "transport"
    SAME_SEX_STAFF = "same_sex_staff"


class ConsentPurpose(StrEnum):
    """What a person agrees that their data is used for (Ley 1581 of 2012: each purpose for itself)."""

    REGISTER = "register"
    REFER = "refer"
    SERVE = "serve"
    FOLLOW_UP = "follow_up"
    REPORT = "report"
    COORDINATE = "coordinate"
    """Whoever coordinates may be told the person's name, and nothing more."""


PurposeV1 = Literal[
    ConsentPurpose.REGISTER,
    ConsentPurpose.REFER,
    ConsentPurpose.SERVE,
    ConsentPurpose.FOLLOW_UP,
    ConsentPurpose.REPORT,
]
"""The purposes of contracts that partners read, and that were released before there were more."""


class FieldGroup(StrEnum):
    """The groups of personal data that a person agrees to share, each for itself."""

    IDENTITY = "identity"
    DOCUMENTS = "documents"
    CONTACT = "contact"
    PLACE = "place"
    PROFILE = "profile"
    HOUSEHOLD = "household"
    NEEDS = "needs"
    HEALTH = "health"
    PROTECTION = "protection"
    EDUCATION = "education"
    EMPLOYMENT = "employment"


class ConsentGivenBy(StrEnum):
    """Who gave or withdrew consent: the person, or the caregiver of a child."""

    PERSON = "person"
    CAREGIVER = "caregiver"


class ConsentManner(StrEnum):
    """How consent was given or withdrawn."""

    SIGNED = "signed"
    SPOKEN_AND_WITNESSED = "spoken_and_witnessed"
    QR = "qr"


class ConsentEnd(StrEnum):
    """Why a consent no longer holds."""

    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class OverrideReason(StrEnum):
    """Why a referral goes out without consent: only where a life is at risk."""

    LIFE_AT_RISK = "life_at_risk"
    CHILD_AT_RISK = "child_at_risk"
    CANNOT_CONSENT = "cannot_consent"


class MatchDecision(StrEnum):
    """What a coordinator has decided about two registrations."""

    LINKED = "linked"
    REJECTED = "rejected"
    UNDONE = "undone"


class Power(StrEnum):
    """What a role lets an organisation do, beside what it may send."""

    COORDINATE = "coordinate"
    """It follows cases across organisations: may reopen, is notified of what escalates."""
    RUN_PROGRAMMES = "run_programmes"
    """People take part in its programmes, or it accompanies their businesses."""
    KEYS_IN_CUSTODY = "keys_in_custody"
    """As long as it has no key of its own, the hub makes one and holds the private part, as the directory says."""
    USES_SCREENS = "uses_screens"
    """It reads with the hub's screens, where nobody sees a confidential case: by its systems, and by no role."""


class OrganisationStatus(StrEnum):
    """Whether an organisation takes part in the network."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    """It may send and read nothing for now; what is for it is kept."""
    REMOVED = "removed"


class DocumentType(StrEnum):
    """The identity documents people hold in Colombia."""

    CC = "CC"  # cédula de ciudadanía
    TI = "TI"  # tarjeta de identidad
    RC = "RC"  # registro civil
    CE = "CE"  # cédula de extranjería
    PA = "PA"  # passport
    PE = "PE"  # permiso especial de permanencia (PEP)
    PT = "PT"  # permiso por protección temporal (PPT)
    FOREIGN_ID = "foreign_id"
    NONE = "none"


class Sex(StrEnum):
    """Sex as the person states it."""

    FEMALE = "female"
    MALE = "male"
    INTERSEX = "intersex"
    NOT_STATED = "not_stated"


class Gender(StrEnum):
    """Gender as the person states it."""

    WOMAN = "woman"
    MAN = "man"
    NON_BINARY = "non_binary"
    OTHER = "other"
    NOT_STATED = "not_stated"


class Profile(StrEnum):
    """Which population group a person belongs to."""

    MIGRANT = "migrant"
    REFUGEE = "refugee"
    RETURNEE = "returnee"
    HOST_COMMUNITY = "host_community"


class Relation(StrEnum):
    """What a caregiver or a member of the household is to the person."""

    MOTHER = "mother"
    FATHER = "father"
    GRANDPARENT = "grandparent"
    SIBLING = "sibling"
    OTHER_RELATIVE = "other_relative"
    LEGAL_GUARDIAN = "legal_guardian"
    CHILD_PROTECTION_OFFICER = "child_protection_officer"


class Sector(StrEnum):
    """The sectors that the network reports by."""

    EDUCATION = "education"
    FOOD_SECURITY = "food_security"
    HEALTH = "health"
    HUMANITARIAN_TRANSPORTATION = "humanitarian_transportation"
    INTEGRATION = "integration"
    NUTRITION = "nutrition"
    CHILD_PROTECTION = "child_protection"
    GBV = "gbv"
    TRAFFICKING_AND_SMUGGLING = "trafficking_and_smuggling"
    PROTECTION = "protection"
    SHELTER = "shelter"
    WASH = "wash"


class NeedCode(StrEnum):
    """What a person needs, as `sector.need`: the needs known so far.

    Messages take any need of a known sector, so that a new one asks for no new version of a contract.
    """

    EDUCATION_SCHOOL_PLACE = "education.school_place"
    EDUCATION_SCHOOL_SUPPLIES = "education.school_supplies"
    EDUCATION_TRAINING = "education.training"
    EDUCATION_WORKSHOP = "education.workshop"
    FOOD_BASKET = "food_security.food_basket"
    FOOD_HOT_MEAL = "food_security.hot_meal"
    FOOD_VOUCHER = "food_security.voucher"
    HEALTH_CONSULTATION = "health.consultation"
    HEALTH_AFFILIATION = "health.affiliation"
    HEALTH_MATERNAL = "health.maternal"
    HEALTH_VACCINATION = "health.vaccination"
    HEALTH_MEDICINES = "health.medicines"
    HEALTH_PSYCHOSOCIAL = "health.psychosocial"
    HEALTH_SEXUAL_AND_REPRODUCTIVE = "health.sexual_and_reproductive"
    TRANSPORT_LOCAL = "humanitarian_transportation.local"
    TRANSPORT_INTERCITY = "humanitarian_transportation.intercity"
    INTEGRATION_EMPLOYMENT = "integration.employment"
    INTEGRATION_ENTREPRENEURSHIP = "integration.entrepreneurship"
    INTEGRATION_EMPLOYER_ACCESS = "integration.employer_access"
    INTEGRATION_COEXISTENCE = "integration.coexistence"
    INTEGRATION_FINANCIAL_INCLUSION = "integration.financial_inclusion"
    NUTRITION_CHILD_SCREENING = "nutrition.child_screening"
    NUTRITION_SUPPLEMENT = "nutrition.supplement"
    PROTECTION_REGULARISATION = "protection.regularisation"
    PROTECTION_LEGAL_ADVICE = "protection.legal_advice"
    PROTECTION_DOCUMENTATION = "protection.documentation"
    PROTECTION_ASYLUM = "protection.asylum"
    PROTECTION_GBV_PREVENTION = "protection.gbv_prevention_workshop"
    CHILD_PROTECTION_YOUTH_ACTIVITY = "child_protection.youth_activity"
    CHILD_PROTECTION_CASE = "child_protection.case_management"
    CHILD_PROTECTION_SAFE_SPACE = "child_protection.safe_space"
    GBV_CASE = "gbv.case_management"
    GBV_SAFE_HOUSE = "gbv.safe_house"
    GBV_CLINICAL_CARE = "gbv.clinical_care"
    TRAFFICKING_ASSISTANCE = "trafficking_and_smuggling.assistance"
    SHELTER_TEMPORARY = "shelter.temporary"
    SHELTER_RENT = "shelter.rent"
    SHELTER_HOUSING = "shelter.housing"
    WASH_HYGIENE_KIT = "wash.hygiene_kit"
    WASH_WATER = "wash.water"


class HouseholdRole(StrEnum):
    """What a member of a household is to its head."""

    HEAD = "head"
    PARTNER = "partner"
    CHILD = "child"
    PARENT = "parent"
    SIBLING = "sibling"
    GRANDCHILD = "grandchild"
    OTHER_RELATIVE = "other_relative"
    NOT_RELATED = "not_related"


class EtpvStep(StrEnum):
    """The steps of a registration for the Temporary Statute for Temporary Protection (ETPV)."""

    RUMV_ACCOUNT = "rumv_account"
    PRE_REGISTRATION = "pre_registration"
    CHARACTERISATION_SURVEY = "characterisation_survey"
    APPOINTMENT = "appointment"
    BIOMETRIC_REGISTRATION = "biometric_registration"
    UNDER_EVALUATION = "under_evaluation"
    MORE_DOCUMENTS_ASKED = "more_documents_asked"
    PPT_AUTHORISED = "ppt_authorised"
    PPT_DENIED = "ppt_denied"
    PPT_DELIVERED = "ppt_delivered"
    CORRECTION = "correction"
    RENEWAL = "renewal"


class Track(StrEnum):
    """The tracks of the integration route, walked side by side."""

    REGULARISATION = "regularisation"
    HEALTH_AFFILIATION = "health_affiliation"
    SCHOOL_PLACE = "school_place"
    LEGAL_ADVICE = "legal_advice"
    PSYCHOSOCIAL = "psychosocial"
    EMPLOYMENT = "employment"
    ENTREPRENEURSHIP = "entrepreneurship"
    COEXISTENCE = "coexistence"
    HOUSING = "housing"


class TrackState(StrEnum):
    """How far a household is on one track."""

    PLANNED = "planned"
    UNDER_WAY = "under_way"
    DONE = "done"
    DROPPED = "dropped"


class Domain(StrEnum):
    """The twelve domains of self-reliance that a household is scored in."""

    HOUSING = "housing"
    FOOD = "food"
    EDUCATION = "education"
    HEALTH_CARE = "health_care"
    HEALTH_STATUS = "health_status"
    SAFETY = "safety"
    EMPLOYMENT = "employment"
    FINANCIAL_RESOURCES = "financial_resources"
    ASSISTANCE = "assistance"
    DEBT = "debt"
    SAVINGS = "savings"
    SOCIAL_CAPITAL = "social_capital"


class RouteState(StrEnum):
    """Where a household is on the integration route."""

    WELCOMED = "welcomed"
    CHARACTERISED = "characterised"
    PLANNED = "planned"
    FOLLOWED_UP = "followed_up"
    GRADUATED = "graduated"
    LEFT = "left"


class LeaveReason(StrEnum):
    """Why a household left the integration route before it graduated."""

    MOVED_AWAY = "moved_away"
    RETURNED_HOME = "returned_home"
    RESETTLED = "resettled"
    LOST_CONTACT = "lost_contact"
    NO_LONGER_INTERESTED = "no_longer_interested"
    DIED = "died"


class JornadaKind(StrEnum):
    """What an outreach event is for."""

    OUTREACH_TRIP = "outreach_trip"
    ETPV_REGISTRATION = "etpv_registration"
    SERVICE_FAIR = "service_fair"


class JornadaState(StrEnum):
    """How far an outreach event is."""

    PLANNED = "planned"
    CONFIRMED = "confirmed"
    HELD = "held"
    REPORTED = "reported"
    CANCELLED = "cancelled"


class JornadaCancelReason(StrEnum):
    """Why an outreach event does not take place."""

    WEATHER = "weather"
    SECURITY = "security"
    PUBLIC_HEALTH = "public_health"
    PARTNERS_MISSING = "partners_missing"
    PLACE_LOST = "place_lost"
    PERMIT_MISSING = "permit_missing"


class CheckIn(StrEnum):
    """How somebody's attendance was taken down."""

    QR = "qr"
    LIST = "list"
    OFFLINE = "offline"
    SPREADSHEET = "spreadsheet"
    KOBO = "kobo"


class AttendanceOutcome(StrEnum):
    """What became of one attendance that was sent in; what is refused is answered with a refusal."""

    ACCEPTED = "accepted"
    MATCHED = "matched"
    CORRECTED = "corrected"
    STRUCK_OUT = "struck_out"


class StrikeReason(StrEnum):
    """Why something that was recorded should not have been."""

    DUPLICATE = "duplicate"
    WRONG_PERSON = "wrong_person"
    NOT_PRESENT = "not_present"
    CORRECTED = "corrected"
    TRAINING_OR_TEST = "training_or_test"


class EmployabilityStep(StrEnum):
    """The steps of the employability route before somebody is put forward for a vacancy."""

    CV_REGISTERED = "cv_registered"
    VOCATIONAL_GUIDANCE = "vocational_guidance"
    TRAINING = "training"
    SHORTLISTED = "shortlisted"


class ParticipationState(StrEnum):
    """Whether somebody takes part in a programme."""

    ENROLLED = "enrolled"
    COMPLETED = "completed"
    LEFT = "left"
    STRUCK_OUT = "struck_out"


class JobContract(StrEnum):
    """The kind of contract that somebody is hired under."""

    INDEFINITE = "indefinite"
    FIXED_TERM = "fixed_term"
    BY_WORK = "by_work"
    APPRENTICESHIP = "apprenticeship"
    SERVICES = "services"


class FollowUpResult(StrEnum):
    """What a follow-up after a placement found."""

    STILL_EMPLOYED = "still_employed"
    EMPLOYED_ELSEWHERE = "employed_elsewhere"
    NOT_EMPLOYED = "not_employed"
    NOT_REACHED = "not_reached"


class EntrepreneurStage(StrEnum):
    """How far an entrepreneur is."""

    ENROLLED = "enrolled"
    MENTORED = "mentored"
    PLAN_APPROVED = "plan_approved"
    CAPITAL_GRANTED = "capital_granted"
    FORMALISED = "formalised"
    LEFT = "left"
    STRUCK_OUT = "struck_out"


class CapacityState(StrEnum):
    """Whether a service can take somebody on."""

    OPEN = "open"
    WAITING_LIST = "waiting_list"
    FULL = "full"
    ASSESS_FIRST = "assess_first"


class RightsKind(StrEnum):
    """What a person asks of those who hold their data (Ley 1581 of 2012, articles 14 and 15)."""

    ENQUIRY = "enquiry"
    CORRECTION = "correction"
    ERASURE = "erasure"


class RightsAnswer(StrEnum):
    """How such a request was answered."""

    GRANTED = "granted"
    PARTLY_GRANTED = "partly_granted"
    DENIED = "denied"


class ProcessedState(StrEnum):
    """What became of a message at a service."""

    APPLIED = "applied"
    REPEATED = "repeated"
    """It was known already: what was said of it before stays as it is."""
    WAITS = "waits"
    REFUSED = "refused"
    QUARANTINED = "quarantined"
    """A person of the hub has to look at it."""
    HANDED_TO = "handed_to"
    """It is with a service that an organisation runs itself, which alone knows more."""


CONFIDENTIAL_SECTORS = frozenset({Sector.GBV})
"""Here a person travels under a case code, never under a person id."""


def is_confidential(need_code: str) -> bool:
    """Tell whether a person with this need travels under a case code, never under a person id."""
    return need_code.partition(".")[0] in CONFIDENTIAL_SECTORS
