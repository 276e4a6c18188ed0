namespace Campfire.Realtime.Migrations;

/// <summary>Says how one script stands in a database.</summary>
/// <param name="Name">The script's name, for example <c>0001_survey</c>.</param>
/// <param name="State">Whether it is applied.</param>
/// <param name="AppliedAt">When it was applied; <see langword="null"/> when it was not.</param>
/// <param name="AppliedBy">The database user that applied it; <see langword="null"/> when it was not applied.</param>
/// <param name="PackageVersion">The version of this package that applied it, or <c>exported</c> for a file of
/// <see cref="CampfireMigrations.ExportAsync"/>; <see langword="null"/> when it was not applied.</param>
public sealed record MigrationStatus(
    string Name, MigrationState State, DateTimeOffset? AppliedAt, string? AppliedBy, string? PackageVersion);
