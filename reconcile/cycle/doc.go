// Package cycle carries out one synchronization cycle: it joins the Exchange
// directory, the post office, the mapping rules and the plan.
//
// [Plan] and [Run] are the same ten steps; Plan stops before the first write
// and works in a private temporary folder that it removes. Everything is read
// and planned, and the plan is judged by the guards, before anything is
// written. A side that cannot be read whole ends the cycle; an entry that
// cannot be written is a step with an outcome in the report.
//
// The package neither logs nor reads the clock: it tells a [Trace] what it
// does.
package cycle
