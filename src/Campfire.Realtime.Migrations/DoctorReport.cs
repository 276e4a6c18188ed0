namespace Campfire.Realtime.Migrations;

/// <summary>Tells what <see cref="CampfireDoctor"/> found.</summary>
/// <param name="Findings">What is wrong, errors first; empty when nothing is.</param>
/// <param name="Measurements">What a live examination measured, in the order of the paths; empty without one.</param>
public sealed record DoctorReport(IReadOnlyList<DoctorFinding> Findings, IReadOnlyList<DoctorMeasurement> Measurements);
