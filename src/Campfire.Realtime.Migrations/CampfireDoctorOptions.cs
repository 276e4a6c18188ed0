namespace Campfire.Realtime.Migrations;

/// <summary>Configures a <see cref="CampfireDoctor"/>.</summary>
public sealed class CampfireDoctorOptions
{
    /// <summary>Gets or sets how long one check of the database may run; <see cref="TimeSpan.Zero"/> is without limit.</summary>
    /// <value>One minute by default; at most 24 days.</value>
    public TimeSpan CheckTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Gets or sets how far Realtime may be behind the database before it is reported, in bytes of the database's log.</summary>
    /// <value>268,435,456 (256 MB) by default; not negative.</value>
    public long MaxReplicationLagBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>Gets or sets how long a live examination waits for each answer of the project.</summary>
    /// <value>Ten seconds by default; more than zero, at most 24 days. A real project refuses a join only after five.</value>
    public TimeSpan LiveTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Gets or sets the clock of a live examination, for the lifetime of its tokens and what it measures.</summary>
    /// <value><see cref="TimeProvider.System"/> by default.</value>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;
}
