namespace Campfire.Realtime.Migrations;

/// <summary>Names one thing that is wrong with a database or with the Supabase project around it.</summary>
/// <param name="Code">The stable name of the finding, in snake case; <c>docs/troubleshooting.md</c> has a heading for each.</param>
/// <param name="Severity">How bad it is.</param>
/// <param name="Object">What it is about: a table, a function, a path of <c>--live</c>.</param>
/// <param name="Message">What is wrong and what follows from it, in words.</param>
/// <param name="Fix">
/// The SQL that puts it right, to be run as <c>postgres</c>; where no statement can, a comment (<c>-- …</c>) that says what to do.
/// </param>
#pragma warning disable CA1720 // It is what a database calls an object.
public sealed record DoctorFinding(string Code, DoctorSeverity Severity, string Object, string Message, string Fix);
#pragma warning restore CA1720
