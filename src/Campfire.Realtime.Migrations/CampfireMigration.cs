namespace Campfire.Realtime.Migrations;

/// <summary>One SQL script of the package, run once per database.</summary>
/// <param name="Name">The script's name, for example <c>0001_survey</c>; names sort in running order.</param>
/// <param name="Sql">The text of the script, with line feeds as line ends.</param>
/// <param name="Checksum">The SHA-256 of <paramref name="Sql"/> in UTF-8, in lower-case hexadecimal.</param>
public sealed record CampfireMigration(string Name, string Sql, string Checksum);
