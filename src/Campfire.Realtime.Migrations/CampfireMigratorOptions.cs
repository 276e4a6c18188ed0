using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Campfire.Realtime.Migrations;

/// <summary>Configures a <see cref="CampfireMigrator"/>.</summary>
public sealed class CampfireMigratorOptions
{
    /// <summary>Gets or sets how long one script may run; <see cref="TimeSpan.Zero"/> is without limit.</summary>
    /// <value>Ten minutes by default; at most 24 days. Waiting for another migrator does not count.</value>
    public TimeSpan ScriptTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Gets or sets how long <see cref="CampfireMigrator.PreviewAsync"/> waits for each lock, including that of another
    /// migrator; <see cref="TimeSpan.Zero"/> is without limit.</summary>
    /// <value>Two seconds by default, at most 24 days: while it waits for a table, everybody who comes later waits behind it.</value>
    public TimeSpan PreviewLockTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Gets or sets who is told before and after each script.</summary>
    /// <value><see langword="null"/> by default.</value>
    public IProgress<MigrationProgress>? Progress { get; set; }

    /// <summary>Gets or sets where the migrator logs to.</summary>
    /// <value>Nowhere by default.</value>
    public ILoggerFactory LoggerFactory { get; set; } = NullLoggerFactory.Instance;
}
