// Package events has what happened: small, typed facts that use cases add in the unit of work in
// which they change something. An event is stored if and only if the change is.
//
// A committed event is first in the outbox. Numbering it gives it a position, in which order events
// are delivered, to each subscriber at least once. The events of one aggregate are delivered in the
// order of their seq, which comes from a row that the use case holds anyway:
//
//	types                         aggregate                     row that gives seq         seq
//	user.*, profile.*, block.*    user/<id>                     users, of the user         version
//	interest.*                    interest/<id>                 interests                  version
//	conversation.opened           conversation/<id>             conversations              1
//	message.sent                  conversation/<id>             conversations, held        created_at of the message in ms
//	message.read                  reading/<id>/<id of reader>   messages that were unread  created_at of up_to in ms
//	reservation.*                 reservation/<id>              reservations               1 proposed, 2 answered, 3 reminded, 4 ended
//	wallet.changed                wallet/<id of user>           wallets                    seq of the transaction
//	mail.requested                mail/<id>                     none                       1, as there is no other
//	report.*                      report/<id>                   reports                    1 filed, 2 reviewed, 3 resolved or dismissed
//
// A seq has gaps. A consumer that has seen an event may ignore those of the same aggregate with a
// lower seq.
package events
