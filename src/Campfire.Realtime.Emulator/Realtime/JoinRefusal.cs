namespace Campfire.Realtime.Emulator.Realtime;

// The reasons of refused joins, word by word.
internal static class JoinRefusal
{
    public const string NoTopicName = "TopicNameRequired: You must provide a topic name";
    public const string PrivateOnly = "PrivateOnly: This project only allows private channels";
    public const string TooManyUsers = "ConnectionRateLimitReached: Too many connected users";
    public const string TooManyJoins = "ClientJoinRateLimitReached: Too many joins per second";
    public const string TooManyChannels = "ChannelRateLimitReached: Too many channels";
    public const string ReplayIsPrivate = "UnableToReplayMessages: Replay is not allowed for public channels";
    public const string InvalidReplay = "UnableToReplayMessages: Replay params are not valid";
    public const string ReplayFailed = "UnableToReplayMessages: Realtime was unable to replay messages";
    public const string QueryCanceled = "QueryCanceled: canceling statement due to user request";
    public const string MissingPartition = "MissingPartition: Realtime was unable to find the expected messages partition";
    public const string DatabaseUnavailable = "UnableToConnectToProject: " + DatabaseUnavailableText;
    public const string DatabaseUnavailableText = "Realtime was unable to connect to the project database";

    public static string NoPermission(string subTopic) => "Unauthorized: " + NoPermissionText(subTopic);

    public static string NoPermissionText(string subTopic) => $"You do not have permissions to read from this Channel topic: {subTopic}";
}
