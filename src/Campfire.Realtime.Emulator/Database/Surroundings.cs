using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Campfire.Realtime.Emulator.Database;

// What a new Supabase project has before anything is installed: roles, schemas, functions, publications.
internal static class Surroundings
{
    public const string AdminRole = "supabase_admin";

    private const string ResourcePrefix = "emulator/";
    private static readonly Lazy<IReadOnlyList<(string Name, string Sql)>> _scripts = new(ReadScripts);

    public static string Checksum { get; } =
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', _scripts.Value.Select(script => script.Sql)))));

    public static async Task InstallAsync(string adminConnectionString, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(adminConnectionString);
        await using (connection.ConfigureAwait(false))
        {
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
            // All or nothing: half of it would be neither a new server nor one of ours.
            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                foreach (var (name, sql) in _scripts.Value)
                    await RunAsync(connection, name, sql, cancellationToken).ConfigureAwait(false);
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static async Task RunAsync(NpgsqlConnection connection, string name, string sql, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(sql, connection);
        await using (command.ConfigureAwait(false))
        {
            try
            {
                await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (PostgresException refused)
            {
                throw new CampfireEmulatorException(
                    CampfireEmulatorErrorCode.SetupFailed,
                    $"Supabase's surroundings could not be created ({name}, {refused.SqlState}): {refused.MessageText}",
                    refused);
            }
        }
    }

    private static List<(string Name, string Sql)> ReadScripts()
    {
        var assembly = Assembly.GetExecutingAssembly();
        return [.. assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(ResourcePrefix, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name => (name[ResourcePrefix.Length..], Read(assembly, name)))];
    }

    private static string Read(Assembly assembly, string name)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
