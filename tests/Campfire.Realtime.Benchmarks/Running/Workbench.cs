using System.Globalization;
using System.Runtime.InteropServices;
using Campfire.Realtime.Benchmarks.Database;

namespace Campfire.Realtime.Benchmarks.Running;

// What the questions share: how much to do, and two databases that are made when first asked for.
internal sealed class Workbench(bool isQuick) : IAsyncDisposable
{
    private BenchDatabase? _small;
    private BenchDatabase? _large;

    public int Rounds => isQuick ? 5 : 9;

    public int Calls => isQuick ? 150 : 500;

    // How long a load lasts.
    public int Seconds => isQuick ? 10 : 60;

    public int Many => isQuick ? 100_000 : 1_000_000;

    public string ManyInWords => Many.ToString("N0", CultureInfo.InvariantCulture);

    // 1,000 conversations. Without many messages, the sessions would plan for a table of a few rows and keep to that.
    public async Task<BenchDatabase> SmallAsync(CancellationToken cancellationToken) =>
        _small ??= await BenchDatabase.CreateAsync(1_000, 20_000, cancellationToken);

    // Many conversations, one of which has many messages.
    public async Task<BenchDatabase> LargeAsync(CancellationToken cancellationToken) =>
        _large ??= await BenchDatabase.CreateAsync(Many, Many, cancellationToken);

    public async Task<string> DescribeAsync(CancellationToken cancellationToken)
    {
        string server = (_small ?? _large) is { } database ? $"; {await database.DescribeAsync(cancellationToken)}" : "";
        string size = isQuick ? ", quick" : "";
        // Figures of a machine that is busy with something else say little, and the reader must be able to tell.
        string load = File.Exists("/proc/loadavg") ? $" (load {(await File.ReadAllTextAsync("/proc/loadavg", cancellationToken)).Split(' ')[0]})" : "";
        return $"{RuntimeInformation.OSDescription.Trim()}, {Environment.ProcessorCount} cores{load}, {RuntimeInformation.FrameworkDescription}"
            + $"{server}; median of {Rounds} rounds of {Calls} calls{size}.";
    }

    public async ValueTask DisposeAsync()
    {
        if (_small is not null)
            await _small.DisposeAsync();
        if (_large is not null)
            await _large.DisposeAsync();
    }
}
