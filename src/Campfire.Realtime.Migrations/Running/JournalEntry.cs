namespace Campfire.Realtime.Migrations.Running;

internal sealed record JournalEntry(string Name, string Checksum, DateTimeOffset AppliedAt, string AppliedBy, string PackageVersion);
