using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Campfire.Realtime.Emulator;
using Microsoft.AspNetCore.Builder;

namespace Campfire.Realtime.Benchmarks.Sockets;

// The server that is measured, in a process of its own, so that the memory is its own. It ends with its standard input.
internal sealed class ServerProcess : IAsyncDisposable
{
    public const string Command = "serve";

    private readonly Process _process;

    private ServerProcess(Process process, Address address)
    {
        _process = process;
        Address = address;
    }

    public Address Address { get; }

    // What the process holds in memory now, without what the system could drop; in megabytes of 1,000,000 bytes.
    public async Task<double> ReadResidentMegabytesAsync(CancellationToken cancellationToken)
    {
        string[] status = await File.ReadAllLinesAsync($"/proc/{_process.Id}/status", cancellationToken);
        string resident = status.First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        return long.Parse(resident, CultureInfo.InvariantCulture) * 1024 / 1e6;
    }

    public static async Task<ServerProcess> StartAsync(bool isEmulator, CancellationToken cancellationToken)
    {
        Process process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [Command, isEmulator ? "emulator" : "bare"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        string line = await process.StandardOutput.ReadLineAsync(cancellationToken)
            ?? throw new InvalidOperationException("The server ended before it had an address.");
        return new ServerProcess(process, JsonSerializer.Deserialize<Address>(line)!);
    }

    // In the other process.
    public static async Task ServeAsync(bool isEmulator, CancellationToken cancellationToken)
    {
        if (isEmulator)
        {
            await using CampfireEmulator emulator = await CampfireEmulator.StartAsync(
                new CampfireEmulatorOptions { Limits = Unlimited(), ApplyMigrations = false }, cancellationToken);
            await AwaitEndAsync(new Address(emulator.Url, emulator.AnonKey, emulator.ConnectionString), cancellationToken);
        }
        else
        {
            await using WebApplication application = await BareServer.StartAsync(cancellationToken);
            await AwaitEndAsync(new Address(new Uri(application.Urls.First()), "", ""), cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    // A project's quotas would end the measurement before it began.
    private static EmulatorLimits Unlimited() => new()
    {
        MaxConcurrentUsers = 10_000,
        MaxEventsPerSecond = int.MaxValue,
        MaxJoinsPerSecond = int.MaxValue,
        MaxQueuedFramesPerSocket = 100_000,
    };

    private static async Task AwaitEndAsync(Address address, CancellationToken cancellationToken)
    {
        Console.WriteLine(JsonSerializer.Serialize(address));
        await Console.In.ReadToEndAsync(cancellationToken);
    }
}

internal sealed record Address(Uri Url, string AnonKey, string ConnectionString);
