using Campfire.Realtime.TestSupport;

[assembly: Parallelizable(ParallelScope.All)]
[assembly: LevelOfParallelism(4)]

namespace Campfire.Realtime.Emulator.Tests;

[SetUpFixture]
public sealed class AssemblySetUp : EmulatorFixture;
