namespace Campfire.Realtime.Migrations;

/// <summary>Names the file that holds a script for the Supabase CLI.</summary>
/// <param name="Migration">The script.</param>
/// <param name="Path">The file.</param>
/// <param name="IsWritten"><see langword="false"/> when the file was there already, with the same content.</param>
public sealed record ExportedMigration(CampfireMigration Migration, string Path, bool IsWritten);
