using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Tests;

[SetUpFixture]
public sealed class AssemblySetUp : EmulatorFixture;
