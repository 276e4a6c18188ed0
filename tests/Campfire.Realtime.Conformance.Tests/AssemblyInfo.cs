using Campfire.Realtime.Conformance.Tests;

[assembly: Parallelizable(ParallelScope.All)]
[assembly: LevelOfParallelism(8)]
[assembly: PointTable]
