using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Migrations;

public sealed partial class CampfireMigrator
{
    [LoggerMessage(4000, LogLevel.Information, "Another migrator is at work; waiting for it")]
    private partial void WaitingForOtherMigrator();

    [LoggerMessage(4001, LogLevel.Information, "Applying {Migration} ({Number} of {Count})")]
    private partial void Applying(string migration, int number, int count);

    [LoggerMessage(4002, LogLevel.Information, "Applied {Count} migrations")]
    private partial void Migrated(int count);

    [LoggerMessage(4003, LogLevel.Debug, "All {Count} migrations are applied already")]
    private partial void UpToDate(int count);

    [LoggerMessage(4004, LogLevel.Information, "Tried {Tried} of {Count} pending migrations and rolled them back")]
    private partial void Previewed(int tried, int count);
}
