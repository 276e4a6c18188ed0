namespace Campfire.Realtime.Migrations;

/// <summary>Tells how long one path of a live examination took.</summary>
/// <param name="Path">What was done, for example <c>visitor joins conversation</c>.</param>
/// <param name="Duration">From the request to the answer, or from the sender's request to the receiver's frame.</param>
public sealed record DoctorMeasurement(string Path, TimeSpan Duration);
