using Campfire.Realtime.Migrations.Live;
using Npgsql;

namespace Campfire.Realtime.Migrations;

public sealed partial class CampfireDoctor
{
    /// <summary>Joins the project as visitor, agent, server and stranger, sends a message through each path and measures it.</summary>
    /// <remarks>
    /// This writes: two organizations, each with an agent and a visitor's conversation, which are removed at the end whatever
    /// happens. What was broadcast about them stays in <c>realtime.messages</c> until Realtime clears it after three days.
    /// </remarks>
    /// <param name="target">The project that the database belongs to.</param>
    /// <param name="cancellationToken">Ends the examination; what it made is still removed.</param>
    /// <returns>A finding for each path that is not as it should be, and the time that each other took.</returns>
    /// <exception cref="ArgumentException"><paramref name="target"/> has no <c>http</c> or <c>https</c> URL, or a key that is none or of another kind.</exception>
    /// <exception cref="CampfireMigrationException">
    /// The database could not be reached, or what was made could not be made or removed; the message says what is left.
    /// </exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task<DoctorReport> ExamineLiveAsync(LiveTarget target, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(target);
        Validate(target);

        Canary canary = new(_createConnection, _options.LiveTimeout);
        DoctorReport? report = null;
        try
        {
            await canary.CreateAsync(cancellationToken).ConfigureAwait(false);
            LiveExamination examination = new(target, canary, _options);
            await using (examination.ConfigureAwait(false))
                report = await examination.RunAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (await canary.RemoveAsync().ConfigureAwait(false) is { } failure)
                report = OnCanaryLeft(canary, failure, report);
        }
        return report;
    }

    private static void Validate(LiveTarget target)
    {
        if (!target.Url.IsAbsoluteUri || target.Url.Scheme is not ("http" or "https"))
            throw new ArgumentException("The project's URL must begin with http:// or https://.", nameof(target));
        if (string.IsNullOrWhiteSpace(target.AnonKey) || string.IsNullOrWhiteSpace(target.JwtSecret))
            throw new ArgumentException("The project's anon key and JWT secret must not be empty.", nameof(target));
        if ($"{target.AnonKey}{target.ServiceKey}".Any(character => character is <= ' ' or > '~'))
            throw new ArgumentException("A key holds a space, a line break or another character that no key has.", nameof(target));
        // Otherwise a mistake of the caller's would be reported as a breach of the project.
        if (ApiKey.RoleOf(target.AnonKey) is not (null or "anon"))
            throw new ArgumentException("The anon key is another kind of key. Pass the key that browsers use, anon or sb_publishable_….", nameof(target));
        if (target.ServiceKey is not null && ApiKey.RoleOf(target.ServiceKey) is not (null or "service_role"))
            throw new ArgumentException("The service key is another kind of key. Pass the service_role or sb_secret_… key, or leave it out.", nameof(target));
        if (target.ServiceKey is not null && string.IsNullOrWhiteSpace(target.ServiceKey))
            throw new ArgumentException("The service key must not be empty; leave it out to go without.", nameof(target));
    }

    // Without a report something else is on its way to the caller; what is left behind must not be lost over it.
    private static DoctorReport OnCanaryLeft(Canary canary, NpgsqlException failure, DoctorReport? report)
    {
        string reason = failure is PostgresException told ? told.MessageText : failure.Message;
        string message = $"What the examination made could not be removed: {reason.TrimEnd('.')}.";
        return report is null
            ? throw new CampfireMigrationException(
                CampfireMigrationErrorCode.ScriptFailed, $"{message} Remove it with: {canary.Removal}", innerException: failure)
            : report with
            {
                Findings = [.. report.Findings, new(LiveFindings.CanaryLeft, DoctorSeverity.Error, "canary", message, canary.Removal)],
            };
    }
}
