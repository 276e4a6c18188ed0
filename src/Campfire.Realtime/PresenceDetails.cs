using Campfire.Realtime.Protocol;

namespace Campfire.Realtime;

/// <summary>What a participant shows of itself while it is present.</summary>
/// <remarks>Stated by the participant and not checked by the database: good for display, never for a decision.</remarks>
public sealed record PresenceDetails
{
    internal static PresenceDetails Unknown { get; } = new();

    /// <summary>Gets the name to show.</summary>
    public string? Name { get; init; }

    /// <summary>Gets what the participant is.</summary>
    public SenderType? Kind { get; init; }

    /// <summary>Gets the status to show, for example <c>online</c>, <c>away</c> or <c>busy</c>.</summary>
    public string? Status { get; init; }
}

/// <summary>A participant who is present.</summary>
/// <param name="Key">The user's or visitor's identifier.</param>
/// <param name="Details">What the newest of the connections shows.</param>
/// <param name="Connections">How many connections (tabs, devices) the participant has.</param>
public sealed record PresentParticipant(string Key, PresenceDetails Details, int Connections);
