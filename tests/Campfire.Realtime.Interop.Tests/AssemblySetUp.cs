using Campfire.Realtime.TestSupport;

[assembly: Parallelizable(ParallelScope.All)]
[assembly: LevelOfParallelism(4)]

namespace Campfire.Realtime.Interop.Tests;

[SetUpFixture]
public sealed class AssemblySetUp : EmulatorFixture
{
    [OneTimeSetUp]
    public async Task PrepareAsync()
    {
        await NodePackage.InstallAsync();
        await Playground.CreateAsync(Emulator);
    }
}
