using System.Diagnostics;
using System.Text.Json;
using Campfire.Realtime.Emulator;
using QuickStart;

namespace Campfire.Realtime.Chaos.Running;

/// <summary>An emulator in a process of its own, so that this one's memory and handles are the clients'. It ends with its standard input.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    public const string Command = "serve";

    private readonly Process _process;

    private ServerProcess(Process process, SupabaseTarget target)
    {
        _process = process;
        Target = target;
    }

    public SupabaseTarget Target { get; }

    public static async Task<ServerProcess> StartAsync(CancellationToken cancellationToken)
    {
        // Started as "dotnet Chaos.dll", the process is dotnet.
        string[] arguments = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(ServerProcess).Assembly.Location, Command] : [Command];
        Process process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        try
        {
            string line = await process.StandardOutput.ReadLineAsync(cancellationToken) ?? throw new ChaosException("The emulator's process ended before it had an address.");
            Address address = JsonSerializer.Deserialize<Address>(line)!;
            return new ServerProcess(process, new SupabaseTarget(
                address.Url, null, null, address.AnonKey, address.ServiceKey, address.JwtSecret, address.Database, Emulator: null));
        }
        catch
        {
            process.StandardInput.Close();
            process.Dispose();
            throw;
        }
    }

    /// <summary>In the other process.</summary>
    public static async Task<int> ServeAsync(CancellationToken cancellationToken)
    {
        await using CampfireEmulator emulator = await CampfireEmulator.StartAsync(Running.Target.EmulatorOptions(), cancellationToken);
        Console.WriteLine(JsonSerializer.Serialize(new Address(emulator.Url, emulator.AnonKey, emulator.ServiceKey, emulator.JwtSecret, emulator.ConnectionString)));
        await Console.In.ReadToEndAsync(cancellationToken);
        return 0;
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private sealed record Address(Uri Url, string AnonKey, string ServiceKey, string JwtSecret, string Database);
}
