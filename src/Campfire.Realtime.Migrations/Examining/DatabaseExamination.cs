using System.Data;
using System.Data.Common;
using System.Globalization;
using Campfire.Realtime.Migrations.Running;
using Npgsql;

namespace Campfire.Realtime.Migrations.Examining;

internal sealed class DatabaseExamination(
    NpgsqlConnection connection, CampfireDoctorOptions options, IReadOnlyList<CampfireMigration> migrations)
{
    // A user whom a policy keeps from rows must get an error, and not a clean bill of health.
    private const string Prepare = """
        select
            set_config('search_path', '', true),
            set_config('row_security', 'off', true),
            set_config('statement_timeout', '0', true),
            set_config('campfire.max_replication_lag', $1, true),
            current_setting('server_version_num')::int >= 150000
        """;

    public async Task<IReadOnlyList<DoctorFinding>> RunReadOnlyAsync(CancellationToken cancellationToken)
    {
        try
        {
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException exception)
        {
            throw MigrationFaults.OnOpen(connection, exception);
        }

        NpgsqlTransaction transaction = await BeginAsync(cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
            return await RunAsync(cancellationToken).ConfigureAwait(false);
    }

    // In the transaction that the connection is in.
    public async Task<IReadOnlyList<DoctorFinding>> RunAsync(CancellationToken cancellationToken)
    {
        await PrepareAsync(cancellationToken).ConfigureAwait(false);
        List<DoctorFinding> findings = [];
        await FindAsync(findings, cancellationToken).ConfigureAwait(false);
        return [.. findings.OrderByDescending(finding => finding.Severity)];
    }

    private async Task FindAsync(List<DoctorFinding> findings, CancellationToken cancellationToken)
    {
        foreach (CheckScript check in CheckScript.Platform)
        {
            await RunAsync(check, findings, cancellationToken).ConfigureAwait(false);

            // The checks of rights cannot be asked about roles that do not exist.
            if (findings.Exists(finding => finding.Code == "role_missing"))
                return;
        }

        MigrationSession journal = new(connection, options.CheckTimeout);
        if (MigrationFindings.Find(migrations, await journal.ReadJournalAsync(cancellationToken).ConfigureAwait(false)) is { } migration)
        {
            findings.Add(migration);
            if (migration.Code is MigrationFindings.Pending or MigrationFindings.Unknown)
                return;
        }

        foreach (CheckScript check in CheckScript.Schema)
            await RunAsync(check, findings, cancellationToken).ConfigureAwait(false);
        if (findings.Exists(finding => finding.Code is "table_missing" or "column_missing"))
            return;
        foreach (CheckScript check in CheckScript.Data)
            await RunAsync(check, findings, cancellationToken).ConfigureAwait(false);
    }

    private async Task<NpgsqlTransaction> BeginAsync(CancellationToken cancellationToken)
    {
        try
        {
            // All checks see the same moment.
            NpgsqlTransaction transaction =
                await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken).ConfigureAwait(false);
            NpgsqlCommand command = CreateCommand("set transaction read only");
            await using (command.ConfigureAwait(false))
                await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            return transaction;
        }
        catch (NpgsqlException exception)
        {
            throw CheckFaults.OnCheck("connection", exception);
        }
    }

    private async Task PrepareAsync(CancellationToken cancellationToken)
    {
        try
        {
            NpgsqlCommand command = CreateCommand(Prepare);
            await using (command.ConfigureAwait(false))
            {
                command.Parameters.Add(new() { Value = options.MaxReplicationLagBytes.ToString(CultureInfo.InvariantCulture) });
                DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                    if (!reader.GetBoolean(4))
                    {
                        throw new CampfireMigrationException(
                            CampfireMigrationErrorCode.ServerTooOld,
                            $"The server runs PostgreSQL {connection.PostgreSqlVersion}; 15 or newer is needed. " +
                            "Upgrade the project under Project Settings, Infrastructure.");
                    }
                }
            }
        }
        catch (NpgsqlException exception)
        {
            throw CheckFaults.OnCheck("connection", exception);
        }
    }

    private async Task RunAsync(CheckScript check, List<DoctorFinding> findings, CancellationToken cancellationToken)
    {
        try
        {
            NpgsqlCommand command = CreateCommand(check.Sql);
            await using (command.ConfigureAwait(false))
            {
                DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    {
                        findings.Add(new(
                            reader.GetString(0),
                            reader.GetString(1) == "error" ? DoctorSeverity.Error : DoctorSeverity.Warning,
                            reader.GetString(2),
                            reader.GetString(3),
                            reader.GetString(4)));
                    }
                }
            }
        }
        catch (NpgsqlException exception)
        {
            throw CheckFaults.OnCheck(check.Name, exception);
        }
    }

    private NpgsqlCommand CreateCommand(string sql) =>
        new(sql, connection) { CommandTimeout = (int)Math.Ceiling(options.CheckTimeout.TotalSeconds) };
}
