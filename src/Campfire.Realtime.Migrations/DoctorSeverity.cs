namespace Campfire.Realtime.Migrations;

/// <summary>Says how bad a <see cref="DoctorFinding"/> is.</summary>
public enum DoctorSeverity
{
    /// <summary>It works, but slower than it could, or not for long; or it cannot be told from here whether it is meant.</summary>
    Warning,

    /// <summary>Something does not work, or somebody can reach what is not his.</summary>
    Error,
}
