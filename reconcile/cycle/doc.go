// Package cycle carries out one synchronization cycle: it joins the Exchange
// directory, the post office, the mapping rules and the plan.
//
// [Plan] and [Run] are the same ten steps; Plan stops before the first write
// and works in a private temporary folder that it removes. Everything is read
// and planned, and the plan is judged by the guards, before anything is
// written. A side that cannot be read whole ends the cycle; an entry that
// cannot be written is a step with an outcome in the report.
//
// A [GuardError] says that guards stopped a cycle; its report holds the plan.
// [Check] tests what a run needs.
//
// Of a [Connector] everything is needed but Recording, which keeps what a run
// did, the directions that are to stay off, and what has a default of its own
// in [ldapsrc.Server] and [ccmail.PostOffice]. Its zero Limits let no deletion
// and no change through, its rules come from [mapping.Compile], and its
// programs must name {file}.
//
// The package neither logs nor reads the clock: it tells a [Trace] what it
// does, and the time comes with Recording.
package cycle
