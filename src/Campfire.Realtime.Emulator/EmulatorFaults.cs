namespace Campfire.Realtime.Emulator;

/// <summary>Faults on request.</summary>
public sealed class EmulatorFaults
{
    internal EmulatorFaults()
    {
    }
}
