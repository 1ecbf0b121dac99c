// Package reconcile decides what a synchronization cycle has to change. It is
// the core of ccdirsync and knows neither LDAP nor files: values go in, a plan
// comes out.
//
// # Two directions
//
// [PlanCCMail] compares the rows that the post office directory holds with
// those that Exchange's entries ought to have there. [PlanExchange] compares
// the custom recipients that the Exchange directory holds with those that
// cc:Mail's users, lists and bulletin boards ought to have there. Both return
// a [Side]: steps in the order in which they are to be carried out, and a
// tally of what was owned, wanted and kept.
//
// # What it promises
//
//   - Nothing is deleted or changed that is not provably ours: a row is ours
//     when it is a remote user at a post office that carries our ownership
//     comment ([NewOwnership]); a custom recipient is ours when it is in the
//     import container, or in a former one, and carries our mark.
//   - Every step has a reason.
//   - The same input gives the same plan, in any order of arrival.
//   - A plan applied and planned again has nothing to do, except for what it
//     refused or held.
//
// [UndoCCMail] and [UndoExchange] plan to take back what a recorded run wrote,
// [RemoveCCMail] and [RemoveExchange] to delete everything that is ours.
//
// What turns out to be unwritable only when the requests are made is taken back
// ([Side.Refuse]), with every step that needs it; so is what is to be left alone
// for now ([Side.Hold]).
//
// Guards ([Judge]) are functions over a finished plan. They never change it;
// they say whether a person has to look at it first. What a person then lets
// through is an [Approval]: of the steps that were seen, in part or as a whole.
//
// # Sources
//
// The rules are those of the original connector as its articles describe them
// (Qnnnnnn in comments), without the faults those articles report. Where they
// are silent the choice is ours and is marked so in docs/cycle.md.
package reconcile
