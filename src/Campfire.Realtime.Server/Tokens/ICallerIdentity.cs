namespace Campfire.Realtime.Server.Tokens;

/// <summary>Somebody in whose name the database is called.</summary>
internal interface ICallerIdentity
{
    string Token { get; }
}
