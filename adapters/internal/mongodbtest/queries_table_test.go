package mongodbtest

// served lists the shapes of the queries that an index serves.
type served struct {
	index  string
	shapes []string
}

// What serves a query that no index serves alone.
const (
	everything     = "every document" // for a search without a filter
	sortedInMemory = "_id_, and a sort of a few documents"
)

// queries lists all queries of the adapter by collection, and the index that serves them. A shape names the
// fields and how they are compared. A part in brackets refines the conditions outside of the brackets, unless
// it is the whole shape.
var queries = map[string][]served{
	"attachments": {
		{"_id_", []string{
			"_id=",
			"_id= cleaned=",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"audit_records": {
		{"of_subject", []string{
			"(created_at< or _id< created_at=) created_at<= subject_id= | sort -created_at -_id",
			"subject_id= | sort -created_at -_id",
		}},
		{"by_time", []string{
			"(created_at< or _id< created_at=) created_at<= | sort -created_at -_id",
			"| sort -created_at -_id",
		}},
		{"_id_", []string{
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"calendars": {
		{"_id_", []string{
			"_id=",
		}},
	},
	"conversations": {
		{"of_participant", []string{
			"(activity_at< or _id< activity_at=) activity_at<= participants= | sort -activity_at -_id",
			"participants= | sort -activity_at -_id",
		}},
		{"_id_", []string{
			"(last_message.created_at< or last_message._id<= last_message.created_at=) _id= last_message.created_at<= last_message.user_id!=",
			"(last_message= or last_message.created_at< or last_message._id< last_message.created_at=) _id=",
			"(last_message= or last_message.created_at<) _id=",
			"_id=",
			"_id=in",
			"_id= local_id=",
			"_id= participants=",
			"_id= voyager_id=",
			"_id> | sort _id",
			"| sort _id",
		}},
		{"unread_of_voyager or unread_of_local", []string{
			"(local_id!in unread_voyager> voyager_id= or local_id= unread_local> voyager_id!in)",
		}},
		{"of_pair", []string{
			"local_id= voyager_id=",
		}},
		{"of_voyager", []string{
			"voyager_id= | sort -created_at",
		}},
	},
	"correspondents": {
		{"_id_", []string{
			"_id=",
			"_id=in",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"idempotency_records": {
		{"of_owner", []string{
			"_id.owner=",
		}},
		{"_id_", []string{
			"_id=",
			"_id= saved=",
			"_id=in",
			"_id> saved= | sort _id",
			"saved= | sort _id",
		}},
		{"by_time", []string{
			"created_at< saved= | sort created_at",
		}},
	},
	"interests": {
		{"_id_", []string{
			"_id=",
			"_id> | sort _id",
			"| sort _id",
		}},
		{sortedInMemory, []string{
			"_id=in | sort name_folded _id",
		}},
		{"in_order", []string{
			"(name_folded> or _id> name_folded=) is_active= name_folded>= | sort name_folded _id",
			"(name_folded> or _id> name_folded=) name_folded>= | sort name_folded _id",
			"is_active= | sort name_folded _id",
			"name_folded=",
			"| sort name_folded _id",
		}},
	},
	"ledger_seals": {
		{"_id_", []string{
			"_id<= _id>= | sort -_id",
			"_id=in",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"messages": {
		{"of_conversation", []string{
			"(created_at< or _id< created_at=) conversation_id= created_at<= | sort -created_at -_id",
			"conversation_id= | sort -created_at -_id",
		}},
		{"unread", []string{
			"(created_at< or _id<= created_at=) conversation_id= created_at<= read= user_id!=",
		}},
		{"_id_", []string{
			"_id=",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"password_resets": {
		{"_id_", []string{
			"_id=in",
			"_id> | sort _id",
			"| sort _id",
		}},
		{"by_hash", []string{
			"hash=",
		}},
		{"of_user", []string{
			"user_id=",
			"user_id= | sort -expires_at -_id",
		}},
	},
	"profiles": {
		{"_id_", []string{
			"_id= interests!= user_id=",
			"_id=in",
			"_id=in age<= age>= city_searched= country_searched= interests=in is_searchable= user_id!in user_is_active=",
			"_id=in age<= age>= is_searchable= user_id!in user_is_active=",
			"_id=in age<= is_searchable= user_id!in user_is_active=",
			"_id=in age>= is_searchable= user_id!in user_is_active=",
			"_id=in city_searched= country_searched= is_searchable= user_id!in user_is_active=",
			"_id=in city_searched= is_searchable= user_id!in user_is_active=",
			"_id=in country_searched= is_searchable= user_id!in user_is_active=",
			"_id=in interests=in is_searchable= user_id!in user_is_active=",
			"_id=in is_searchable= user_id!in user_is_active=",
			"_id> | sort _id",
			"_id>= interests.0? | sort _id",
			"interests.0? | sort _id",
			"| sort _id",
		}},
		{"in_country", []string{
			"age<= age>= city_searched= country_searched= interests=in is_searchable= user_id!in user_is_active=",
			"city_searched= country_searched= is_searchable= user_id!in user_is_active=",
			"country_searched= is_searchable= user_id!in user_is_active=",
		}},
		{"by_age", []string{
			"age<= age>= is_searchable= user_id!in user_is_active=",
			"age<= is_searchable= user_id!in user_is_active=",
			"age>= is_searchable= user_id!in user_is_active=",
		}},
		{everything, []string{
			"is_searchable= user_id!in user_is_active=",
		}},
		{"by_place", []string{
			"is_searchable= user_is_active= | sort country_searched city_searched _id",
			"(country_searched> or city_searched> country_searched= or _id> city_searched= country_searched=) country_searched>= is_searchable= user_is_active= | sort country_searched city_searched _id",
		}},
		{"in_city", []string{
			"city_searched= is_searchable= user_id!in user_is_active=",
		}},
		{"by_interest", []string{
			"interests=in is_searchable= user_id!in user_is_active=",
		}},
		{"of_user", []string{
			"user_id=",
			"user_id=in",
		}},
	},
	"refresh_tokens": {
		{"_id_", []string{
			"_id=",
			"_id> | sort _id",
			"| sort _id",
		}},
		{"of_session", []string{
			"session_id=in",
		}},
	},
	"reported_messages": {
		{"of_report", []string{
			"_id.report_id=in",
		}},
		{"_id_", []string{
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"reports": {
		{"of_reported", []string{
			"(created_at< or _id< created_at=) created_at<= reported_user_id= | sort -created_at -_id",
			"reported_user_id= | sort -created_at -_id",
		}},
		{"of_reporter", []string{
			"(created_at< or _id< created_at=) created_at<= reporter_id= | sort -created_at -_id",
			"reporter_id= | sort -created_at -_id",
		}},
		{"by_status", []string{
			"(created_at> or _id> created_at=) created_at>= status= | sort created_at _id",
			"status= | sort created_at _id",
		}},
		{"by_time", []string{
			"(created_at> or _id> created_at=) created_at>= | sort created_at _id",
			"| sort created_at _id",
		}},
		{"_id_", []string{
			"_id=",
			"_id= reporter_id= status=",
			"_id> | sort _id",
			"| sort _id",
		}},
		{"one_pending", []string{
			"reported_user_id= reporter_id= status=",
		}},
	},
	"reservations": {
		{"of_conversation", []string{
			"(created_at< or _id< created_at=) conversation_id= created_at<= | sort -created_at -_id",
			"conversation_id= | sort -created_at -_id",
		}},
		{"of_participant_by_status", []string{
			"(created_at< or _id< created_at=) created_at<= participants= status= | sort -created_at -_id",
			"participants= status= | sort -created_at -_id",
		}},
		{"of_participant", []string{
			"(created_at< or _id< created_at=) created_at<= participants= | sort -created_at -_id",
			"participants= | sort -created_at -_id",
		}},
		{"of_creator", []string{
			"creator_id= | sort -created_at",
		}},
		{"pending", []string{
			"conversation_id= status=",
		}},
		{"calendar", []string{
			"_id!= date< end_date> local_id= status=",
		}},
		{"_id_", []string{
			"_id=",
			"_id= status=",
			"_id> | sort _id",
			"| sort _id",
		}},
		{"due", []string{
			"end_date<= status= | sort end_date _id",
		}},
		{"lapsing", []string{
			"date<= status= | sort date _id",
		}},
		{"by_time", []string{
			"(created_at< or _id< created_at=) created_at<= | sort -created_at -_id",
			"| sort -created_at -_id",
		}},
		{"by_status", []string{
			"(created_at< or _id< created_at=) created_at<= status= | sort -created_at -_id",
			"status= | sort -created_at -_id",
		}},
		{"of_participant_by_date", []string{
			"(date<) (date> or _id> date=) date>= end_date> participants= status= voyager_id= | sort date _id",
			"(date<) (date> or _id> date=) date>= end_date> participants= | sort date _id",
			"(date<) (date> or _id> date=) date>= participants= | sort date _id",
			"(date<) end_date> participants= status= voyager_id= | sort date _id",
			"(date<) end_date> participants= | sort date _id",
			"(date<) participants= | sort date _id",
			"(date> or _id> date=) date>= end_date> participants= | sort date _id",
			"(date> or _id> date=) date>= local_id= participants= | sort date _id",
			"(date> or _id> date=) date>= participants= status= | sort date _id",
			"(date> or _id> date=) date>= participants= voyager_id= | sort date _id",
			"(date> or _id> date=) date>= participants= | sort date _id",
			"end_date> participants= | sort date _id",
			"local_id= participants= status= | sort date _id",
			"local_id= participants= | sort date _id",
			"participants= status= | sort date _id",
			"participants= voyager_id= | sort date _id",
			"participants= | sort date _id",
		}},
		{"held", []string{
			"status= voyager_id=",
		}},
	},
	"counters": {
		{"_id_", []string{
			"_id=",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"events": {
		{"_id_", []string{
			"_id<= _id> | sort _id",
			"_id=in",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"outbox": {
		{"by_time", []string{
			"| sort created_at _id.id",
		}},
		{"_id_", []string{
			"(_id< _id>=) | sort _id",
			"_id=in",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"set_aside_events": {
		{"by_state", []string{
			"_id<= _id> _id>= state= | sort _id",
			"_id<= _id>= state= | sort _id",
			"_id> state= | sort _id",
			"state= | sort _id",
		}},
		{"of_event", []string{
			"_id.position<= _id.position>=",
		}},
		{"_id_", []string{
			"_id<= _id> _id>= | sort _id",
			"_id<= _id>=",
			"_id<= _id>= | sort _id",
			"_id= state=",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"subscriptions": {
		{"_id_", []string{
			"(holder= or held_until<=) _id= state=",
			"_id=",
			"_id= holder= position= state=",
			"_id= state!=",
			"_id= state=",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"notices": {
		{"by_due", []string{
			"due_at<= | sort due_at _id",
		}},
		{"of_user", []string{
			"_id.user_id=",
		}},
		{"_id_", []string{
			"_id=",
			"_id=in",
			"_id= attempts= due_at!=",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"notification_preferences": {
		{"of_user", []string{
			"_id.user_id=",
		}},
		{"_id_", []string{
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"presences": {
		{"_id_", []string{
			"_id=",
			"_id=in",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"webhooks": {
		{"_id_", []string{
			"_id=",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"sanctions": {
		{"of_user", []string{
			"(created_at< or _id< created_at=) created_at<= user_id= | sort -created_at -_id",
			"user_id= | sort -created_at -_id",
		}},
		{"_id_", []string{
			"_id=",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"second_factors": {
		{"_id_", []string{
			"_id=",
			"_id= last_step<",
			"_id= recovery_codes=",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"sessions": {
		{"_id_", []string{
			"_id=",
			"_id= revoked_at=",
			"_id=in",
			"_id> | sort _id",
			"| sort _id",
		}},
		{"by_expiry", []string{
			"expires_at< | sort expires_at _id",
		}},
		{"live_of_user", []string{
			"(created_at< or _id< created_at=) (created_at>) created_at<= last_used_at> revoked_at= user_id= | sort -created_at -_id",
			"(created_at< or _id< created_at=) created_at<= revoked_at= user_id= | sort -created_at -_id",
			"(created_at>) last_used_at> revoked_at= user_id= | sort -created_at -_id",
			"_id!= revoked_at= user_id=",
			"revoked_at= user_id= | sort -created_at -_id",
		}},
		{"of_user", []string{
			"(created_at< or _id< created_at=) (created_at>) created_at<= user_id= | sort -created_at -_id",
			"(created_at< or _id< created_at=) created_at<= last_used_at> user_id= | sort -created_at -_id",
			"(created_at< or _id< created_at=) created_at<= user_id= | sort -created_at -_id",
			"(created_at>) user_id= | sort -created_at -_id",
			"last_used_at> user_id= | sort -created_at -_id",
			"user_id=",
			"user_id= | sort -created_at -_id",
		}},
	},
	"signup_grants": {
		{"_id_", []string{
			"_id=",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"store_keys": {
		{"_id_", []string{
			"_id=",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"store_marks": {
		{"_id_", []string{
			"_id=",
			"_id> | sort _id",
			"| sort _id",
		}},
	},
	"token_transactions": {
		{"_id_", []string{
			"_id>=",
		}},
		{"of_user", []string{
			"(user_id> or seq> user_id=) user_id>= | sort user_id seq",
			"seq< user_id= | sort -seq",
			"seq<= seq> user_id= | sort seq",
			"user_id= | sort -seq",
			"| sort user_id seq",
		}},
	},
	"tries": {
		{"_id_", []string{
			"_id=",
			"_id= count>",
			"_id=in",
			"_id> | sort _id",
			"| sort _id",
		}},
		{"by_expiry", []string{
			"expires_at<= | sort expires_at _id",
		}},
		{"of_subject", []string{
			"subject=",
		}},
	},
	"unique_keys": {
		{"_id_", []string{
			"_id=",
		}},
	},
	"users": {
		{"by_activity", []string{
			"((name_searched~ or email_searched~)) is_active= | sort -created_at -_id",
			"(created_at< or _id< created_at=) created_at<= is_active= | sort -created_at -_id",
			"is_active= | sort -created_at -_id",
		}},
		{"by_role", []string{
			"((name_searched~ or email_searched~)) role= | sort -created_at -_id",
			"is_active= role= | sort -created_at -_id",
			"role= | sort -created_at -_id",
		}},
		{"by_time", []string{
			"((name_searched~ or email_searched~)) | sort -created_at -_id",
			"(created_at< or _id< created_at=) created_at<= | sort -created_at -_id",
			"| sort -created_at -_id",
		}},
		{"_id_ or by_blocked", []string{
			"(_id= or blocks.user_id=)",
		}},
		{"_id_ or by_role", []string{
			"(_id= or is_active= role=)",
		}},
		{"_id_", []string{
			"_id=",
			"_id= blocks.user_id!= erased=",
			"_id= blocks.user_id=",
			"_id= version=",
			"_id=in",
			"_id=in blocks.user_id=in",
			"_id=in is_active=",
			"_id> | sort _id",
			"_id>= blocks.0? | sort _id",
			"blocks.0? | sort _id",
			"| sort _id",
		}},
		{"by_email", []string{
			"email_folded=",
			"email_folded= twin=",
		}},
	},
	"wallets": {
		{"_id_", []string{
			"_id> | sort _id",
			"| sort _id",
		}},
		{"of_user", []string{
			"balance<= balance>= user_id=",
			"user_id=",
			"user_id=in",
			"user_id> | sort user_id",
		}},
	},
}
